/** What becomes of an order by what happens to it. Pure. */
import { assert } from '#kit/errors.ts';
import {
  type CancelReason,
  type Order,
  OrderStatusConflict,
  type Status,
  type Step,
  transitions,
} from '../domain.ts';

/** What happened to an order. The first group is told by the saga, the second asked for by people. */
export type OrderEvent =
  | { kind: 'reserved' }
  | { kind: 'stock_refused'; detail: string }
  | { kind: 'paid'; paymentId: string }
  | { kind: 'payment_declined'; paymentId: string; detail: string }
  | { kind: 'payment_timed_out' }
  | { kind: 'committed' }
  | { kind: 'reservation_lost' }
  | { kind: 'compensated' }
  | { kind: 'cancel' }
  | { kind: 'ship'; trackingCode: string }
  | { kind: 'deliver' };

/**
 * What an order becomes. A saga's event that no longer fits (somebody cancelled meanwhile, or two drivers met) leaves
 * the order as it is; a person's throws OrderStatusConflict.
 */
export function next(order: Order, event: OrderEvent, now: number): Order {
  switch (event.kind) {
    case 'reserved':
      return isAt(order, 'PENDING', 'RESERVE') ? move(order, now, 'CONFIRMED', 'PAY') : order;
    case 'stock_refused':
      // A refused reservation holds nothing, and no payment was asked for yet: there is nothing to undo.
      return isAt(order, 'PENDING', 'RESERVE')
        ? cancel(order, now, 'OUT_OF_STOCK', event.detail, 'DONE')
        : order;
    case 'paid':
      return isAt(order, 'CONFIRMED', 'PAY')
        ? { ...move(order, now, 'PAID', 'COMMIT'), paymentId: event.paymentId }
        : order;
    case 'payment_declined':
      return isAt(order, 'CONFIRMED', 'PAY')
        ? {
            ...cancel(order, now, 'PAYMENT_DECLINED', event.detail, 'COMPENSATE'),
            paymentId: event.paymentId,
          }
        : order;
    case 'payment_timed_out':
      return isAt(order, 'CONFIRMED', 'PAY')
        ? cancel(order, now, 'PAYMENT_TIMED_OUT', '', 'COMPENSATE')
        : order;
    case 'committed':
      return isAt(order, 'PAID', 'COMMIT') ? { ...order, step: 'DONE' } : order;
    case 'reservation_lost':
      return isAt(order, 'PENDING', 'RESERVE') || isAt(order, 'PAID', 'COMMIT')
        ? cancel(order, now, 'RESERVATION_EXPIRED', '', 'COMPENSATE')
        : order;
    case 'compensated':
      return isAt(order, 'CANCELLED', 'COMPENSATE') ? { ...order, step: 'DONE' } : order;
    case 'cancel':
      return cancelByPerson(order, now);
    case 'ship':
      // Stock that is not committed yet may still turn out to be lost.
      if (!isAt(order, 'PAID', 'DONE')) throw conflict(order);
      return { ...move(order, now, 'SHIPPED', 'DONE'), trackingCode: event.trackingCode };
    case 'deliver':
      if (order.status !== 'SHIPPED') throw conflict(order);
      return move(order, now, 'DELIVERED', 'DONE');
  }
}

/**
 * The order after an event whose next step may begin before the event is written: should the writing fail, or somebody
 * cancel meanwhile, the step is repeated or undone like any other. Undefined when it has to wait, as whatever undoes.
 */
export function stepAhead(order: Order, event: OrderEvent, now: number): Order | undefined {
  if (event.kind !== 'reserved' && event.kind !== 'paid') return undefined;
  const after = next(order, event, now);
  return after === order ? undefined : after;
}

function cancelByPerson(order: Order, now: number): Order {
  if (!transitions[order.status].includes('CANCELLED')) throw conflict(order);
  return cancel(order, now, 'REQUESTED', '', 'COMPENSATE');
}

function conflict({ orderId, status }: Order): OrderStatusConflict {
  return new OrderStatusConflict({ order_id: orderId, status });
}

function isAt(order: Order, status: Status, step: Step): boolean {
  return order.status === status && order.step === step;
}

function move(order: Order, now: number, status: Status, step: Step): Order {
  assert(transitions[order.status].includes(status), `${order.status} may become ${status}`);
  return { ...order, status, step, version: order.version + 1n, updatedAt: now };
}

function cancel(
  order: Order,
  now: number,
  cancelReason: CancelReason,
  cancelDetail: string,
  step: Step,
): Order {
  return { ...move(order, now, 'CANCELLED', step), cancelReason, cancelDetail };
}
