/** Stock and reservations: what they are, what may be asked of them, and why it is refused. Pure. */
import { DomainError } from '#kit/errors.ts';

export const limits = {
  stockUnitsMax: 1_000_000_000n, // of one SKU; far below what a bigint column holds
  holdSecondsDefault: 900, // far longer than commerce.order waits for a payment (its paymentMsMax, a minute)
  batchMax: 500, // commands in one transaction: past this a batch only adds latency
  eventStocksMax: 500, // SKUs in one StockChanged event
  readBatchMax: 1_000, // stocks read by one statement
  readMsMax: 2_000, // as GetStock's own deadline
  movementsPageDefault: 50,
  expiryEveryMs: 1_000, // how late a reservation may be given back
} as const;

/** No stock of the SKU was ever set. */
export class SkuNotFound extends DomainError<{ sku: string }> {
  readonly code = 'not_found';
  readonly reason = 'SKU_NOT_FOUND';
}

/** Fewer units are available than a reservation wants, or than are to be taken off. */
export class InsufficientStock extends DomainError<{
  sku: string;
  requested: string;
  available: string;
}> {
  readonly code = 'failed_precondition';
  readonly reason = 'INSUFFICIENT_STOCK';
}

/** A stock is to be set below what orders hold of it. */
export class StockIsReserved extends DomainError<{ sku: string; reserved: string }> {
  readonly code = 'failed_precondition';
  readonly reason = 'STOCK_IS_RESERVED';
}

/** An adjustment would take the stock above limits.stockUnitsMax. */
export class StockOutOfRange extends DomainError<{ sku: string; limit: string }> {
  readonly code = 'out_of_range';
  readonly reason = 'STOCK_OUT_OF_RANGE';
}

/** An order reserves again, under another request. */
export class ReservationExists extends DomainError<{ order_id: string }> {
  readonly code = 'already_exists';
  readonly reason = 'RESERVATION_EXISTS';
}

/** An order commits what it never reserved. */
export class ReservationNotFound extends DomainError<{ order_id: string }> {
  readonly code = 'not_found';
  readonly reason = 'RESERVATION_NOT_FOUND';
}

/** An order commits, or reserves again, after its reservation was released or has expired. */
export class ReservationNotActive extends DomainError<{ order_id: string; state: string }> {
  readonly code = 'failed_precondition';
  readonly reason = 'RESERVATION_NOT_ACTIVE';
}

/** Units of one SKU. Always: onHand >= reserved >= 0, and onHand + sold is the sum of the deltas of its movements. */
export interface Stock {
  readonly sku: string;
  readonly onHand: bigint;
  readonly reserved: bigint;
  readonly sold: bigint;
  /** Grows by one with each change; 0 before the first. */
  readonly version: bigint;
  /** When it last changed: milliseconds since the epoch. */
  readonly updatedAt: number;
}

export interface Line {
  readonly sku: string;
  readonly quantity: bigint;
}

export type ReservationState = 'ACTIVE' | 'COMMITTED' | 'RELEASED' | 'EXPIRED';

/** What one order holds. `lines` has one line a SKU, in SKU order. */
export interface Reservation {
  readonly orderId: string;
  readonly state: ReservationState;
  readonly lines: readonly Line[];
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

export type Command =
  | { kind: 'reserve'; orderId: string; lines: readonly Line[]; expiresAt: number }
  | { kind: 'commit'; orderId: string }
  | { kind: 'release'; orderId: string; now: number }
  | { kind: 'expire'; orderId: string; now: number }
  | { kind: 'set'; sku: string; onHand: bigint; by: Author }
  | { kind: 'adjust'; sku: string; delta: bigint; reason: string; by: Author };

/** Who of the staff changes a stock, and with which request. */
export interface Author {
  readonly staffId: string;
  readonly requestId: string;
}

/** A change of onHand that staff made, for the record; `onHand` is what it left. */
export interface Movement {
  readonly sku: string;
  readonly kind: 'COUNTED' | 'ADJUSTED';
  readonly delta: bigint;
  readonly onHand: bigint;
  /** Empty for a count. */
  readonly reason: string;
  readonly by: Author;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

/** What a command left of what it names. */
export type Result = { stock: Stock } | { reservation: Reservation };

export function available(stock: Stock): bigint {
  return stock.onHand - stock.reserved;
}

/** Adds up lines that name one SKU, and puts them in the order in which rows are locked. */
export function normalize(lines: readonly Line[]): readonly Line[] {
  if (lines.length === 1) return lines;
  const total = new Map<string, bigint>();
  for (const { sku, quantity } of lines) total.set(sku, (total.get(sku) ?? 0n) + quantity);
  return [...total]
    .map(([sku, quantity]) => ({ sku, quantity }))
    .sort((a, b) => (a.sku < b.sku ? -1 : 1));
}
