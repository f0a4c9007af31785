/** What each command does to stock and reservations. Pure. */
import {
  available,
  type Command,
  InsufficientStock,
  type Line,
  limits,
  normalize,
  type Reservation,
  ReservationExists,
  ReservationNotActive,
  ReservationNotFound,
  type ReservationState,
  type Result,
  SkuNotFound,
  type Stock,
  StockIsReserved,
  StockOutOfRange,
} from '../domain.ts';
import type { Book } from './book.ts';

/** The command of one kind, with what belongs to it. */
type Of<Kind extends Command['kind']> = Extract<Command, { kind: Kind }>;

/**
 * Applies one command to what the ones before it left. Throws the DomainError of a command that is refused, which then
 * has changed nothing.
 */
export function applyCommand(book: Book, command: Command): Result {
  switch (command.kind) {
    case 'reserve':
      return { reservation: reserve(book, command) };
    case 'commit':
      return { reservation: commit(book, command) };
    case 'release':
      return { reservation: release(book, command) };
    case 'expire':
      return { reservation: expire(book, command) };
    case 'set':
      return { stock: set(book, command) };
    case 'adjust':
      return { stock: adjust(book, command) };
  }
}

function reserve(book: Book, command: Of<'reserve'>): Reservation {
  const { orderId, expiresAt } = command;
  const existing = book.reservation(orderId);
  if (existing?.state === 'RELEASED' || existing?.state === 'EXPIRED') {
    throw new ReservationNotActive({ order_id: orderId, state: existing.state });
  }
  if (existing) throw new ReservationExists({ order_id: orderId });
  const lines = normalize(command.lines);
  for (const line of lines) checkAvailable(book, line);
  for (const { sku, quantity } of lines) {
    const stock = book.stock(sku)!;
    book.putStock({ ...stock, reserved: stock.reserved + quantity });
  }
  return book.putReservation({ orderId, state: 'ACTIVE', lines, expiresAt });
}

function checkAvailable(book: Book, { sku, quantity }: Line): void {
  const stock = book.stock(sku);
  if (stock === undefined) throw new SkuNotFound({ sku });
  if (available(stock) < quantity) {
    throw new InsufficientStock({
      sku,
      requested: String(quantity),
      available: String(available(stock)),
    });
  }
}

function commit(book: Book, { orderId }: Of<'commit'>): Reservation {
  const reservation = book.reservation(orderId);
  if (reservation === undefined) throw new ReservationNotFound({ order_id: orderId });
  if (reservation.state === 'COMMITTED') return reservation;
  if (reservation.state !== 'ACTIVE') {
    throw new ReservationNotActive({ order_id: orderId, state: reservation.state });
  }
  for (const { sku, quantity } of reservation.lines) {
    const { onHand, reserved, sold, ...rest } = book.stock(sku)!;
    book.putStock({
      ...rest,
      onHand: onHand - quantity,
      reserved: reserved - quantity,
      sold: sold + quantity,
    });
  }
  return book.putReservation({ ...reservation, state: 'COMMITTED' });
}

function release(book: Book, { orderId, now }: Of<'release'>): Reservation {
  const reservation = book.reservation(orderId);
  if (reservation === undefined) {
    // The order may still ask for stock, in a message that is under way: it must find the door closed.
    return book.putReservation({ orderId, state: 'RELEASED', lines: [], expiresAt: now });
  }
  const { state } = reservation;
  return state === 'ACTIVE' || state === 'COMMITTED'
    ? giveBack(book, reservation, 'RELEASED')
    : reservation;
}

function expire(book: Book, { orderId, now }: Of<'expire'>): Reservation {
  const reservation = book.reservation(orderId);
  if (reservation === undefined) throw new ReservationNotFound({ order_id: orderId });
  const isDue = reservation.state === 'ACTIVE' && reservation.expiresAt <= now;
  // Whoever was faster has decided; there is nothing left to expire.
  return isDue ? giveBack(book, reservation, 'EXPIRED') : reservation;
}

function giveBack(book: Book, reservation: Reservation, state: ReservationState): Reservation {
  for (const { sku, quantity } of reservation.lines) {
    const stock = book.stock(sku)!;
    if (reservation.state === 'ACTIVE') {
      book.putStock({ ...stock, reserved: stock.reserved - quantity });
    } else {
      book.putStock({ ...stock, onHand: stock.onHand + quantity, sold: stock.sold - quantity });
    }
  }
  return book.putReservation({ ...reservation, state });
}

function set(book: Book, { sku, onHand, by }: Of<'set'>): Stock {
  const stock = book.stock(sku) ?? unstocked(sku);
  if (onHand < stock.reserved) {
    throw new StockIsReserved({ sku, reserved: String(stock.reserved) });
  }
  const delta = onHand - stock.onHand;
  book.putMovement({ sku, kind: 'COUNTED', delta, onHand, reason: '', by });
  return book.putStock({ ...stock, onHand });
}

function unstocked(sku: string): Stock {
  return { sku, onHand: 0n, reserved: 0n, sold: 0n, version: 0n, updatedAt: 0 };
}

function adjust(book: Book, { sku, delta, reason, by }: Of<'adjust'>): Stock {
  const stock = book.stock(sku);
  if (stock === undefined) throw new SkuNotFound({ sku });
  if (delta < 0n) checkAvailable(book, { sku, quantity: -delta });
  const onHand = stock.onHand + delta;
  if (onHand > limits.stockUnitsMax) {
    throw new StockOutOfRange({ sku, limit: String(limits.stockUnitsMax) });
  }
  book.putMovement({ sku, kind: 'ADJUSTED', delta, onHand, reason, by });
  return book.putStock({ ...stock, onHand });
}
