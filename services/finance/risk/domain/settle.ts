/** What becomes of a reservation when the ledger has spoken. Pure. */
import type { Book } from './book.ts';
import type { Reservation } from './check.ts';

/**
 * How a transaction ended: all of its amount moved, a part of it, or nothing. One that lapsed never began: the ledger did
 * not know it when it was asked what came of this decision.
 */
export type Ending =
  | { kind: 'settled' }
  | { kind: 'captured'; capturedMinor: bigint }
  | { kind: 'released' }
  | { kind: 'lapsed'; decisionId: string };

/** Whether it is of this reservation: a transaction whose decision lapsed may have been decided anew since. */
export function isEndOf(ending: Ending, { decisionId }: Reservation): boolean {
  return ending.kind !== 'lapsed' || ending.decisionId === decisionId;
}

/** Leaves in the windows what has moved, and gives back the rest. */
export function settle(book: Book, reservation: Reservation, ending: Ending): void {
  const { claims, reservedAt, divisibleMinor } = reservation;
  if (ending.kind === 'settled') return;
  if (ending.kind !== 'captured') book.giveBack(claims, reservedAt);
  else if (divisibleMinor !== undefined && ending.capturedMinor < divisibleMinor) {
    book.giveBack(claims, reservedAt, divisibleMinor - ending.capturedMinor);
  }
}
