/** A transaction that is moved back. Pure. */
import type { Transaction } from '../domain.ts';
import type { Book } from './book.ts';
import type { Of } from './commands.ts';
import { draftOf } from './moves.ts';
import { TransactionNotFound, TransactionNotReversible, TransactionReversed } from './refusals.ts';

/** Moves a completed transaction back, last leg first, and notes it there: a given one is moved back at most once. */
export function reverse(book: Book, command: Of<'reverse'>): Transaction {
  const { transactionId, reversalId, reference, by } = command;
  const original = book.transaction(transactionId);
  if (original === undefined) throw new TransactionNotFound({ transaction_id: transactionId });
  const { status, reversesId, reversedById, capturedMinor } = original;
  if (status !== 'COMPLETED' || reversesId !== undefined) {
    throw new TransactionNotReversible({ transaction_id: transactionId, status });
  }
  if (reversedById !== undefined) {
    throw new TransactionReversed({ transaction_id: transactionId, reversal_id: reversedById });
  }
  const [first, ...further] = original.legs;
  const moved = [{ ...first!, amountMinor: capturedMinor }, ...further];
  const legs = moved
    .map((leg) => ({ ...leg, sourceId: leg.destinationId, destinationId: leg.sourceId }))
    .toReversed();
  const draft = draftOf(book, reversalId);
  draft.post(legs);
  draft.keep();
  book.putTransaction({ ...original, reversedById: reversalId });
  return book.putTransaction({
    transactionId: reversalId,
    type: original.type,
    status: 'COMPLETED',
    awaits: undefined,
    hold: undefined,
    legs,
    capturedMinor: legs[0]!.amountMinor,
    reference,
    initiatorId: by.userId,
    reversesId: transactionId,
    reversedById: undefined,
    failure: undefined,
    verdicts: undefined,
    reviews: [],
    createdAt: book.askedAt,
    updatedAt: book.now,
    expiresAt: undefined,
  });
}
