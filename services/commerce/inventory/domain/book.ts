/** What a batch of commands works on, and what it has changed. Pure. */
import type { Movement, Reservation, Stock } from '../domain.ts';

/** The stock and the reservations that a batch of commands touches, as they were read under lock. */
export interface Book {
  stock(sku: string): Stock | undefined;
  reservation(orderId: string): Reservation | undefined;
  /** Puts a stock in the place of what it was; answers it with its version and its time. */
  putStock(stock: Stock): Stock;
  putReservation(reservation: Reservation): Reservation;
  putMovement(movement: Omit<Movement, 'createdAt'>): void;
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

  function reservationsOf(matches: (orderId: string) => boolean): Reservation[] {
    return [...changedOrders].filter(matches).map((orderId) => byOrder.get(orderId)!);
  }

  return {
    stock: (sku) => bySku.get(sku),
    reservation: (orderId) => byOrder.get(orderId),
    putStock(stock) {
      // One version per batch: readers see the batch as one change.
      const version = changedSkus.has(stock.sku) ? stock.version : stock.version + 1n;
      const next = { ...stock, version, updatedAt: now };
      bySku.set(stock.sku, next);
      changedSkus.add(stock.sku);
      return next;
    },
    putReservation(reservation) {
      byOrder.set(reservation.orderId, reservation);
      changedOrders.add(reservation.orderId);
      return reservation;
    },
    putMovement: (movement) => void movements.push({ ...movement, createdAt: now }),
    changedStocks: () => [...changedSkus].map((sku) => bySku.get(sku)!),
    newReservations: () => reservationsOf((orderId) => !known.has(orderId)),
    changedReservations: () => reservationsOf((orderId) => known.has(orderId)),
    movements: () => movements,
  };
}
