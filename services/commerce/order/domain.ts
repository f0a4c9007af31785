/** What an order is, its states and limits, and why it is refused. Pure. */
import { DomainError } from '#kit/errors.ts';

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
  leaseMs: 5_000, // a driver that lives renews it, see leaseOf; a dead one's orders are taken over after it
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

/**
 * Until when the driver of an order that is written now keeps it, in milliseconds since the epoch. Half of a lease must
 * be over before it is renewed, so that most writes change nothing that an index holds; a saga that is done has none.
 */
export function leaseOf(
  { order, leaseUntil }: { order: Pick<Order, 'step'>; leaseUntil?: number | undefined },
  now: number,
): number | undefined {
  if (order.step === 'DONE') return undefined;
  const isKept = leaseUntil !== undefined && leaseUntil > now + limits.leaseMs / 2;
  return isKept ? leaseUntil : now + limits.leaseMs;
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
