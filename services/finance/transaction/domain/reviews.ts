/** What analysts decide. Pure. */
import { minorPerUnit } from '#kit/currency.ts';
import { accountIdsOf, type Leg, limits, type Transaction } from '../domain.ts';
import { giveFree, isDue, moveHeld } from './authorizations.ts';
import type { Book } from './book.ts';
import type { Of } from './commands.ts';
import {
  ReviewerHasReviewed,
  ReviewerIsInitiator,
  TransactionNotFound,
  TransactionNotInReview,
} from './refusals.ts';

/** Approves or rejects what waits for review. The last approval that is needed posts it, or opens the authorization. */
export function review(book: Book, command: Of<'review'>): Transaction {
  const { transactionId, approves, note, reviewerId } = command;
  const waiting = book.transaction(transactionId);
  if (waiting === undefined) throw new TransactionNotFound({ transaction_id: transactionId });
  if (waiting.awaits !== 'REVIEW' || isDue(book, waiting)) {
    const status = waiting.awaits === 'REVIEW' ? 'CANCELLED' : waiting.status;
    throw new TransactionNotInReview({ transaction_id: transactionId, status });
  }
  checkReviewer(book, waiting, reviewerId);
  const made = { reviewerId, approves, note, createdAt: book.now };
  const reviewed = { ...waiting, reviews: [...waiting.reviews, made] };
  if (!approves) return giveFree(book, reviewed, 'REJECTED');
  if (reviewed.reviews.length < reviewersOf(waiting.legs[0]!)) {
    return book.putTransaction({ ...reviewed, status: 'PROCESSING' });
  }
  const { hold } = reviewed;
  if (hold === undefined) return moveHeld(book, reviewed, reviewed.legs[0]!.amountMinor);
  const expiresAt = book.now + 1000 * hold.seconds;
  return book.putTransaction({ ...reviewed, status: 'PENDING', awaits: 'CAPTURE', expiresAt });
}

/** How many people have to approve it. */
export function reviewersOf({ amountMinor, currency }: Leg): number {
  return amountMinor >= limits.fourEyesMajorMin * minorPerUnit(currency)! ? 2 : 1;
}

function checkReviewer(book: Book, waiting: Transaction, reviewerId: string): void {
  const { transactionId, initiatorId, legs, reviews } = waiting;
  const owners = accountIdsOf(legs).map((id) => book.account(id)?.ownerId);
  if (initiatorId === reviewerId || owners.includes(reviewerId)) {
    throw new ReviewerIsInitiator({ transaction_id: transactionId });
  }
  if (reviews.some((earlier) => earlier.reviewerId === reviewerId)) {
    throw new ReviewerHasReviewed({ transaction_id: transactionId });
  }
}
