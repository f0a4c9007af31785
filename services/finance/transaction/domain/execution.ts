/** A transaction that is asked for: posted, held or refused. Pure. */
import { actionOf, type FailureReason, limits, type Transaction } from '../domain.ts';
import type { Book } from './book.ts';
import type { Of } from './commands.ts';
import { draftOf } from './moves.ts';
import {
  AccountClosed,
  AccountFrozen,
  BalanceOutOfRange,
  InsufficientFunds,
  TransactionDenied,
} from './refusals.ts';

/**
 * Posts a transaction that is allowed, holds the money of one that is to be captured or reviewed, and keeps one that is
 * denied or that an account does not allow as FAILED. Throws the latter's refusals, and that of the judgement.
 */
export function execute(book: Book, { intent, judgement, hold }: Of<'execute'>): Transaction {
  if ('refusal' in judgement) throw judgement.refusal;
  const { verdicts } = judgement;
  const { transactionId, type, legs, reference, initiator } = intent;
  const asked: Transaction = {
    transactionId,
    type,
    status: 'PENDING',
    awaits: undefined,
    hold,
    legs,
    capturedMinor: 0n,
    reference,
    initiatorId: initiator.userId,
    reversesId: undefined,
    reversedById: undefined,
    failure: undefined,
    verdicts,
    reviews: [],
    createdAt: book.askedAt,
    updatedAt: book.now,
    expiresAt: undefined,
  };
  const fail = (failure: FailureReason) =>
    book.putTransaction({ ...asked, status: 'FAILED', failure });

  const action = actionOf(verdicts);
  if (action === 'DENY') {
    fail('DENIED');
    throw new TransactionDenied({ transaction_id: transactionId });
  }
  const draft = draftOf(book, transactionId);
  const isHeld = action === 'REVIEW' || hold !== undefined;
  try {
    if (isHeld) draft.hold(legs);
    else draft.post(legs);
  } catch (error) {
    if (!isOfAnAccount(error)) throw error;
    fail(error.reason);
    throw error;
  }
  draft.keep();
  if (action === 'REVIEW') {
    const expiresAt = book.now + 1000 * limits.reviewSeconds;
    return book.putTransaction({ ...asked, awaits: 'REVIEW', expiresAt });
  }
  if (hold !== undefined) {
    const expiresAt = book.now + 1000 * hold.seconds;
    return book.putTransaction({ ...asked, awaits: 'CAPTURE', expiresAt });
  }
  const capturedMinor = legs[0]!.amountMinor;
  return book.putTransaction({ ...asked, status: 'COMPLETED', capturedMinor });
}

function isOfAnAccount(
  error: unknown,
): error is InsufficientFunds | AccountFrozen | AccountClosed | BalanceOutOfRange {
  return (
    error instanceof InsufficientFunds ||
    error instanceof AccountFrozen ||
    error instanceof AccountClosed ||
    error instanceof BalanceOutOfRange
  );
}
