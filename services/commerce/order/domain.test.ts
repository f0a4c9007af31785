import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  countThatFit,
  isSettled,
  limits,
  MixedCurrencies,
  next,
  type OrderEvent,
  OrderStatusConflict,
  OrderTooLarge,
  type Priced,
  priceLines,
  QuantityTooLarge,
  SkuNotForSale,
  SkuNotFound,
  stepAhead,
  transitions,
} from './domain.ts';
import { pending } from './testing-orders.ts';

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

describe('the price of an order', () => {
  const priced = (sku: string, more: Partial<Priced> = {}): [string, Priced] => [
    sku,
    {
      sku,
      productId: 'product',
      title: sku,
      currency: 'EUR',
      unitMinor: 1_999n,
      status: 'AVAILABLE',
      inStock: true,
      ...more,
    },
  ];

  test('adds up lines that name one SKU, and is exact', () => {
    const catalogue = new Map([
      priced('B', { unitMinor: 9_007_199_254_740_993n / 1_000_000n }),
      priced('A'),
    ]);
    const wanted = [
      { sku: 'B', quantity: 1n },
      { sku: 'A', quantity: 2n },
      { sku: 'B', quantity: 2n },
    ];
    const { lines, totalMinor, currency } = priceLines(wanted, catalogue);
    expect(lines.map(({ sku, quantity }) => [sku, quantity])).toEqual([
      ['A', 2n],
      ['B', 3n],
    ]);
    expect(totalMinor).toBe(2n * 1_999n + 3n * 9_007_199_254n);
    expect(currency).toBe('EUR');
  });

  test.each([
    ['an unknown SKU', SkuNotFound, new Map<string, Priced>()],
    ['a discontinued product', SkuNotForSale, new Map([priced('A', { status: 'DISCONTINUED' })])],
    ['two currencies', MixedCurrencies, new Map([priced('A'), priced('B', { currency: 'USD' })])],
    [
      'too large a total',
      OrderTooLarge,
      new Map([priced('A', { unitMinor: limits.totalMinorMax + 1n })]),
    ],
    [
      'a product that staff hold back',
      SkuNotForSale,
      new Map([priced('A', { status: 'OUT_OF_STOCK', inStock: true })]),
    ],
    [
      'a product that staff hold back, of whose stock nothing is known',
      SkuNotForSale,
      new Map([priced('A', { status: 'OUT_OF_STOCK', inStock: undefined })]),
    ],
  ])('is refused for %s', (_, error, catalogue) => {
    const wanted = [...(catalogue.size === 0 ? ['A'] : catalogue.keys())].map((sku) => ({
      sku,
      quantity: 1n,
    }));
    expect(() => priceLines(wanted, catalogue)).toThrow(error);
  });

  test('is known of what the catalogue takes for sold out: inventory decides', () => {
    const catalogue = new Map([priced('A', { status: 'OUT_OF_STOCK', inStock: false })]);
    expect(priceLines([{ sku: 'A', quantity: 1n }], catalogue).totalMinor).toBe(1_999n);
  });

  test('is refused for too many units of one SKU, in however many lines', () => {
    const line = { sku: 'A', quantity: limits.unitsPerSkuMax };
    const catalogue = new Map([priced('A', { unitMinor: 1n })]);
    expect(priceLines([line], catalogue).totalMinor).toBe(limits.unitsPerSkuMax);
    const wanted = [line, { sku: 'A', quantity: 1n }];
    expect(() => priceLines(wanted, catalogue)).toThrow(QuantityTooLarge);
  });
});

describe('a page', () => {
  const line = { sku: 'A', productId: 'p', title: 'A', quantity: 1n, unitMinor: 1n };
  const ofLines = (count: number) => ({ ...pending, lines: Array(count).fill(line) });

  test('has as many orders as their lines allow, and one in any case', () => {
    const half = ofLines(limits.pageLinesMax / 2);
    expect(countThatFit([])).toBe(0);
    expect(countThatFit([half, half])).toBe(2);
    expect(countThatFit([half, half, ofLines(1)])).toBe(2);
    expect(countThatFit([ofLines(limits.pageLinesMax + 1), half])).toBe(1);
  });
});
