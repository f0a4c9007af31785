/** Stock and reservations: what may happen to them, and what it does. Pure. */
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

/**
 * The stock and the reservations that a batch of commands touches, as they were read under lock. Commands are applied
 * one after the other, each on what the ones before left; a command that is refused changes nothing.
 */
export interface Book {
  /** Throws the DomainError of a command that is refused. */
  apply(command: Command): Result;
  changedStocks(): Stock[];
  /** Reservations that were not there when the book was opened. */
  newReservations(): Reservation[];
  changedReservations(): Reservation[];
  /** What staff changed, in the order in which it was done. */
  movements(): readonly Movement[];
}

/** `now` becomes the time of all that changes, in milliseconds since the epoch. */
export function openBook(
  stocks: readonly Stock[],
  reservations: readonly Reservation[],
  now: number,
): Book {
  const bySku = new Map(stocks.map((stock) => [stock.sku, stock]));
  const byOrder = new Map(reservations.map((reservation) => [reservation.orderId, reservation]));
  const known = new Set(byOrder.keys());
  const changedSkus = new Set<string>();
  const changedOrders = new Set<string>();
  const movements: Movement[] = [];

  function putStock(stock: Stock): Stock {
    // One version per batch: readers see the batch as one change.
    const version = changedSkus.has(stock.sku) ? stock.version : stock.version + 1n;
    const next = { ...stock, version, updatedAt: now };
    bySku.set(stock.sku, next);
    changedSkus.add(stock.sku);
    return next;
  }

  function putReservation(reservation: Reservation): Result {
    byOrder.set(reservation.orderId, reservation);
    changedOrders.add(reservation.orderId);
    return { reservation };
  }

  function reservationsOf(matches: (orderId: string) => boolean): Reservation[] {
    return [...changedOrders].filter(matches).map((orderId) => byOrder.get(orderId)!);
  }

  function reserve(command: Extract<Command, { kind: 'reserve' }>): Result {
    const { orderId, expiresAt } = command;
    const existing = byOrder.get(orderId);
    if (existing?.state === 'RELEASED' || existing?.state === 'EXPIRED') {
      throw new ReservationNotActive({ order_id: orderId, state: existing.state });
    }
    if (existing) throw new ReservationExists({ order_id: orderId });
    const lines = normalize(command.lines);
    for (const line of lines) checkAvailable(line);
    for (const { sku, quantity } of lines) {
      const stock = bySku.get(sku)!;
      putStock({ ...stock, reserved: stock.reserved + quantity });
    }
    return putReservation({ orderId, state: 'ACTIVE', lines, expiresAt });
  }

  function checkAvailable({ sku, quantity }: Line): void {
    const stock = bySku.get(sku);
    if (stock === undefined) throw new SkuNotFound({ sku });
    if (available(stock) < quantity) {
      throw new InsufficientStock({
        sku,
        requested: String(quantity),
        available: String(available(stock)),
      });
    }
  }

  function commit({ orderId }: { orderId: string }): Result {
    const reservation = byOrder.get(orderId);
    if (reservation === undefined) throw new ReservationNotFound({ order_id: orderId });
    if (reservation.state === 'COMMITTED') return { reservation };
    if (reservation.state !== 'ACTIVE') {
      throw new ReservationNotActive({ order_id: orderId, state: reservation.state });
    }
    for (const { sku, quantity } of reservation.lines) {
      const { onHand, reserved, sold, ...rest } = bySku.get(sku)!;
      putStock({
        ...rest,
        onHand: onHand - quantity,
        reserved: reserved - quantity,
        sold: sold + quantity,
      });
    }
    return putReservation({ ...reservation, state: 'COMMITTED' });
  }

  function release({ orderId, now }: { orderId: string; now: number }): Result {
    const reservation = byOrder.get(orderId);
    if (reservation === undefined) {
      // The order may still ask for stock, in a message that is under way: it must find the door closed.
      return putReservation({ orderId, state: 'RELEASED', lines: [], expiresAt: now });
    }
    const { state } = reservation;
    return state === 'ACTIVE' || state === 'COMMITTED'
      ? giveBack(reservation, 'RELEASED')
      : { reservation };
  }

  function expire({ orderId, now }: { orderId: string; now: number }): Result {
    const reservation = byOrder.get(orderId);
    if (reservation === undefined) throw new ReservationNotFound({ order_id: orderId });
    const isDue = reservation.state === 'ACTIVE' && reservation.expiresAt <= now;
    // Whoever was faster has decided; there is nothing left to expire.
    return isDue ? giveBack(reservation, 'EXPIRED') : { reservation };
  }

  function giveBack(reservation: Reservation, state: ReservationState): Result {
    for (const { sku, quantity } of reservation.lines) {
      const stock = bySku.get(sku)!;
      if (reservation.state === 'ACTIVE') {
        putStock({ ...stock, reserved: stock.reserved - quantity });
      } else {
        putStock({ ...stock, onHand: stock.onHand + quantity, sold: stock.sold - quantity });
      }
    }
    return putReservation({ ...reservation, state });
  }

  function set({ sku, onHand, by }: Extract<Command, { kind: 'set' }>): Result {
    const stock = bySku.get(sku) ?? unstocked(sku);
    if (onHand < stock.reserved) {
      throw new StockIsReserved({ sku, reserved: String(stock.reserved) });
    }
    const delta = onHand - stock.onHand;
    movements.push({ sku, kind: 'COUNTED', delta, onHand, reason: '', by, createdAt: now });
    return { stock: putStock({ ...stock, onHand }) };
  }

  function adjust({ sku, delta, reason, by }: Extract<Command, { kind: 'adjust' }>): Result {
    const stock = bySku.get(sku);
    if (stock === undefined) throw new SkuNotFound({ sku });
    if (delta < 0n) checkAvailable({ sku, quantity: -delta });
    const onHand = stock.onHand + delta;
    if (onHand > limits.stockUnitsMax) {
      throw new StockOutOfRange({ sku, limit: String(limits.stockUnitsMax) });
    }
    movements.push({ sku, kind: 'ADJUSTED', delta, onHand, reason, by, createdAt: now });
    return { stock: putStock({ ...stock, onHand }) };
  }

  return {
    apply(command) {
      switch (command.kind) {
        case 'reserve':
          return reserve(command);
        case 'commit':
          return commit(command);
        case 'release':
          return release(command);
        case 'expire':
          return expire(command);
        case 'set':
          return set(command);
        case 'adjust':
          return adjust(command);
      }
    },
    changedStocks: () => [...changedSkus].map((sku) => bySku.get(sku)!),
    newReservations: () => reservationsOf((orderId) => !known.has(orderId)),
    changedReservations: () => reservationsOf((orderId) => known.has(orderId)),
    movements: () => movements,
  };
}

function unstocked(sku: string): Stock {
  return { sku, onHand: 0n, reserved: 0n, sold: 0n, version: 0n, updatedAt: 0 };
}
