import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isSettled, OrderStatusConflict, transitions } from '../domain.ts';
import { pending } from '../testing-orders.ts';
import { next, type OrderEvent, stepAhead } from './reducer.ts';

const told: OrderEvent[] = [
  { kind: 'reserved' },
  { kind: 'stock_refused', detail: 'SKU' },
  { kind: 'paid', paymentId: 'payment' },
  { kind: 'payment_declined', paymentId: 'payment', detail: 'insufficient_funds' },
  { kind: 'payment_timed_out' },
  { kind: 'committed' },
  { kind: 'reservation_lost' },
  { kind: 'compensated' },
];
const asked: OrderEvent[] = [
  { kind: 'cancel' },
  { kind: 'ship', trackingCode: 'T1' },
  { kind: 'deliver' },
];

const orderAfter = (...events: OrderEvent[]) =>
  events.reduce((order, event) => next(order, event, 1), pending);

describe('an order', () => {
  test('goes from pending to delivered', () => {
    const paid = orderAfter(told[0]!, told[2]!, told[5]!);
    expect(paid).toMatchObject({ status: 'PAID', step: 'DONE', paymentId: 'payment' });
    expect(next(next(paid, asked[1]!, 1), asked[2]!, 1)).toMatchObject({
      status: 'DELIVERED',
      trackingCode: 'T1',
      version: 5n,
    });
  });

  test('whose card is declined gives its stock back', () => {
    expect(orderAfter(told[0]!, told[3]!)).toMatchObject({
      status: 'CANCELLED',
      step: 'COMPENSATE',
      cancelReason: 'PAYMENT_DECLINED',
      cancelDetail: 'insufficient_funds',
    });
  });

  test('that is paid but has lost its stock is cancelled and refunded', () => {
    expect(orderAfter(told[0]!, told[2]!, told[6]!)).toMatchObject({
      status: 'CANCELLED',
      step: 'COMPENSATE',
      cancelReason: 'RESERVATION_EXPIRED',
    });
  });

  test('cannot be shipped before its stock is sold, nor cancelled after it left', () => {
    const paid = orderAfter(told[0]!, told[2]!);
    expect(() => next(paid, asked[1]!, 1)).toThrow(OrderStatusConflict);
    const shipped = orderAfter(told[0]!, told[2]!, told[5]!, asked[1]!);
    expect(() => next(shipped, asked[0]!, 1)).toThrow(OrderStatusConflict);
  });

  test('may go on before the row says so only where it goes forward', () => {
    const history = [pending, orderAfter(told[0]!), orderAfter(told[0]!, told[2]!)];
    const cancelled = orderAfter(told[0]!, asked[0]!);
    const ahead = [...history, cancelled].flatMap((order) =>
      told.flatMap((event) => stepAhead(order, event, 1) ?? []),
    );
    expect(ahead.map(({ step }) => step)).toEqual(['PAY', 'COMMIT']);
    expect(ahead).toEqual(history.slice(1).map((order) => ({ ...order, updatedAt: 1 })));
  });

  test('moves only along the table, whatever happens to it in whatever order', () => {
    const events = fc.array(fc.constantFrom(...told, ...asked), { maxLength: 30 });
    fc.assert(
      fc.property(events, (history) => {
        let order = pending;
        for (const event of history) {
          let moved = order;
          try {
            moved = next(order, event, 1);
          } catch (error) {
            expect(error).toBeInstanceOf(OrderStatusConflict);
          }
          if (moved.status !== order.status) {
            expect(transitions[order.status]).toContain(moved.status);
            expect(moved.version).toBe(order.version + 1n);
          } else {
            expect(moved.version).toBe(order.version);
          }
          // Once CreateOrder has its answer, it keeps it.
          if (isSettled(order)) expect(isSettled(moved)).toBe(true);
          order = moved;
        }
      }),
    );
  });
});
