/** What becomes of a reservation when the ledger has spoken. Pure. */
import type { Book } from './book.ts';
import type { Reservation } from './check.ts';

/** How a transaction ended: nothing moved, or so much of its amount. */
export type Ending = { kind: 'released' } | { kind: 'settled'; capturedMinor: bigint };

/** Leaves in the windows what has moved, and gives back the rest. */
export function settle(book: Book, reservation: Reservation, ending: Ending): void {
  const { claims, reservedAt, divisibleMinor } = reservation;
  if (ending.kind === 'released') book.giveBack(claims, reservedAt);
  else if (divisibleMinor !== undefined && ending.capturedMinor < divisibleMinor) {
    book.giveBack(claims, reservedAt, divisibleMinor - ending.capturedMinor);
  }
}
