/** What an order is, how it is priced, and what may become of it. Pure. */
import { assert, DomainError } from '#kit/errors.ts';

export const limits = {
  unitsPerSkuMax: 10_000n, // as one line of the contract, and less than inventory holds for one
  totalMinorMax: 100_000_000_000n, // a billion in a currency with two decimals: beyond it somebody mistyped
  batchMax: 500, // commands in one transaction
  batchMsMax: 5_000,
  pricesMax: 1_000, // SKUs in one call to the catalogue, which takes no more
  priceCallsMax: 2, // calls to the catalogue at once
  priceMsMax: 2_000, // longer than a healthy catalogue ever takes
  callBatchMax: 200, // orders in one call to another service
  callsMax: 8, // calls of one step at once, so that one slow card holds up few orders
  callMsMax: 5_000,
  stepMsMax: 10_000, // a step with the writing of what came of it
  drivenMax: 5_000, // orders in hand, at 10 KB each: ten seconds of the busiest shop whose payment is away
  // A driver renews its lease with a step or a repeat when half of it is over; a dead one's orders are taken over after it.
  leaseMs: 5_000,
  takeoverBatchMax: 200,
  takeoverEveryMs: 1_000,
  // After the stock is held, a payment that is not settled by then is given up: well before the hold expires (15 minutes).
  paymentMsMax: 60_000,
  settleMs: 250, // how long one call to payment waits for the slowest card in it
  retryMsMin: 50,
  retryMsMax: 2_000,
  pageSizeDefault: 20,
  pageLinesMax: 2_000, // of all orders of one page: at 1.5 KB a line it stays below the largest message
  answerReserveMs: 100, // what CreateOrder keeps of its deadline to say that the order is still in progress
} as const;

/** No such order, or not one that the caller may see or change. */
export class OrderNotFound extends DomainError<{ order_id: string }> {
  readonly code = 'not_found';
  readonly reason = 'ORDER_NOT_FOUND';
}

/** Somebody who is not on the staff lists the orders of another. */
export class NotYourOrders extends DomainError {
  readonly code = 'permission_denied';
  readonly reason = 'NOT_YOUR_ORDERS';
}

/** The catalogue has no such SKU. */
export class SkuNotFound extends DomainError<{ sku: string }> {
  readonly code = 'not_found';
  readonly reason = 'SKU_NOT_FOUND';
}

/** The product of a SKU is DISCONTINUED, or staff hold it back. What is out of stock is inventory's to refuse. */
export class SkuNotForSale extends DomainError<{ sku: string; status: string }> {
  readonly code = 'failed_precondition';
  readonly reason = 'SKU_NOT_FOR_SALE';
}

/** The lines of one order are priced in several currencies; `sku` is the first that differs. */
export class MixedCurrencies extends DomainError<{ sku: string }> {
  readonly code = 'failed_precondition';
  readonly reason = 'MIXED_CURRENCIES';
}

/** The total is above limits.totalMinorMax. */
export class OrderTooLarge extends DomainError<{ limit: string }> {
  readonly code = 'out_of_range';
  readonly reason = 'ORDER_TOO_LARGE';
}

/** All lines of a SKU want more than limits.unitsPerSkuMax. */
export class QuantityTooLarge extends DomainError<{ sku: string; limit: string }> {
  readonly code = 'out_of_range';
  readonly reason = 'QUANTITY_TOO_LARGE';
}

/** The caller's deadline is near and the order, which was taken, is not settled. The same request waits on. */
export class OrderInProgress extends DomainError<{ order_id: string }> {
  readonly code = 'deadline_exceeded';
  readonly reason = 'ORDER_IN_PROGRESS';
}

/** An order of this status cannot be shipped, delivered or cancelled. */
export class OrderStatusConflict extends DomainError<{ order_id: string; status: string }> {
  readonly code = 'failed_precondition';
  readonly reason = 'ORDER_STATUS_CONFLICT';
}

/** Prices could not be read in time. Nothing was begun. */
export class CatalogueUnavailable extends DomainError {
  readonly code = 'unavailable';
  readonly reason = 'CATALOGUE_UNAVAILABLE';
}

export type Status = 'PENDING' | 'CONFIRMED' | 'PAID' | 'SHIPPED' | 'DELIVERED' | 'CANCELLED';

/** What the saga has to do next. The row says it, so whoever is alive goes on from there. */
export type Step = 'RESERVE' | 'PAY' | 'COMMIT' | 'COMPENSATE' | 'DONE';

export type CancelReason =
  | 'OUT_OF_STOCK'
  | 'PAYMENT_DECLINED'
  | 'PAYMENT_TIMED_OUT'
  | 'RESERVATION_EXPIRED'
  | 'REQUESTED';

export interface Line {
  readonly sku: string;
  readonly productId: string;
  readonly title: string;
  readonly quantity: bigint;
  /** Minor units of the order's currency. */
  readonly unitMinor: bigint;
}

export interface Address {
  readonly recipient: string;
  readonly lines: readonly string[];
  readonly city: string;
  readonly postalCode: string;
  readonly countryCode: string;
}

export interface Order {
  readonly orderId: string;
  readonly userId: string;
  readonly lines: readonly Line[];
  readonly currency: string;
  readonly totalMinor: bigint;
  readonly status: Status;
  readonly step: Step;
  readonly cancelReason: CancelReason | undefined;
  readonly cancelDetail: string;
  readonly paymentId: string | undefined;
  readonly trackingCode: string;
  readonly address: Address;
  /** Grows by one with each change of status. */
  readonly version: bigint;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** The legal changes of status. A status without successors is final. */
export const transitions: Readonly<Record<Status, readonly Status[]>> = {
  PENDING: ['CONFIRMED', 'CANCELLED'],
  CONFIRMED: ['PAID', 'CANCELLED'],
  PAID: ['SHIPPED', 'CANCELLED'],
  SHIPPED: ['DELIVERED'],
  DELIVERED: [],
  CANCELLED: [],
};

/** What the catalogue says of a SKU at the moment of the order. */
export interface Priced {
  readonly sku: string;
  readonly productId: string;
  readonly title: string;
  readonly currency: string;
  readonly unitMinor: bigint;
  /** The product's status. */
  readonly status: string;
  /** As far as the catalogue has heard. */
  readonly inStock: boolean | undefined;
}

/**
 * Prices the wanted lines: one line a SKU, in SKU order. Throws SkuNotFound, SkuNotForSale, MixedCurrencies,
 * QuantityTooLarge or OrderTooLarge.
 */
export function priceLines(
  wanted: readonly { sku: string; quantity: bigint }[],
  catalogue: ReadonlyMap<string, Priced>,
): Pick<Order, 'lines' | 'currency' | 'totalMinor'> {
  const quantities = new Map<string, bigint>();
  for (const { sku, quantity } of wanted) {
    quantities.set(sku, (quantities.get(sku) ?? 0n) + quantity);
  }
  const skus = [...quantities.keys()].sort();
  const currency = pricedOf(catalogue, skus[0]!).currency;
  let totalMinor = 0n;
  const lines = skus.map((sku) => {
    const priced = pricedOf(catalogue, sku);
    if (priced.currency !== currency) throw new MixedCurrencies({ sku });
    const quantity = quantities.get(sku)!;
    if (quantity > limits.unitsPerSkuMax) {
      throw new QuantityTooLarge({ sku, limit: String(limits.unitsPerSkuMax) });
    }
    totalMinor += quantity * priced.unitMinor;
    const { productId, title, unitMinor } = priced;
    return { sku, productId, title, quantity, unitMinor };
  });
  if (totalMinor > limits.totalMinorMax) {
    throw new OrderTooLarge({ limit: String(limits.totalMinorMax) });
  }
  return { lines, currency, totalMinor };
}

function pricedOf(catalogue: ReadonlyMap<string, Priced>, sku: string): Priced {
  const priced = catalogue.get(sku);
  if (priced === undefined) throw new SkuNotFound({ sku });
  if (!isForSale(priced)) throw new SkuNotForSale({ sku, status: priced.status });
  return priced;
}

/**
 * The catalogue learns of the stock a moment later: whether there is any, inventory says when it is asked to hold it. But
 * OUT_OF_STOCK of a SKU that is in stock is the word of staff.
 */
function isForSale({ status, inStock }: Priced): boolean {
  return status === 'AVAILABLE' || (status === 'OUT_OF_STOCK' && inStock === false);
}

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

/** Whether half of a lease is over, which is when it is renewed. */
export function isLeaseToRenew(leaseUntil: number | undefined, now: number): boolean {
  return leaseUntil === undefined || leaseUntil <= now + limits.leaseMs / 2;
}

/** Whether the saga has waited for the payment long enough; `updatedAt` is when the stock was held. */
export function isPaymentOverdue({ updatedAt }: Order, now: number): boolean {
  return now - updatedAt > limits.paymentMsMax;
}

/** How many of these orders fit on one page; one in any case. */
export function countThatFit(orders: readonly Order[]): number {
  let lines = 0;
  const tooMany = orders.findIndex((order) => {
    lines += order.lines.length;
    return lines > limits.pageLinesMax;
  });
  return tooMany === -1 ? orders.length : Math.max(1, tooMany);
}

/** Whether CreateOrder has its answer: the order is paid with its stock sold, or it is cancelled. */
export function isSettled(order: Order): boolean {
  return order.status === 'CANCELLED' || order.step === 'DONE';
}

/** Whether nothing will happen to the order any more. */
export function isFinal(order: Order): boolean {
  return transitions[order.status].length === 0;
}
