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
  const put = ({ status, awaits, capturedMinor, failure, expiresAt }: Became) =>
    book.putTransaction({
      transactionId,
      type,
      status,
      awaits,
      hold,
      legs,
      capturedMinor: capturedMinor ?? 0n,
      reference,
      initiatorId: initiator.userId,
      reversesId: undefined,
      reversedById: undefined,
      failure,
      verdicts,
      reviews: [],
      createdAt: book.askedAt,
      updatedAt: book.now,
      expiresAt,
    });
  const fail = (failure: FailureReason) => put({ status: 'FAILED', failure });

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
    return put({ status: 'PENDING', awaits: 'REVIEW', expiresAt });
  }
  if (hold !== undefined) {
    const expiresAt = book.now + 1000 * hold.seconds;
    return put({ status: 'PENDING', awaits: 'CAPTURE', expiresAt });
  }
  return put({ status: 'COMPLETED', capturedMinor: legs[0]!.amountMinor });
}

/** What a transaction can be after it was tried; the rest is as it was asked for. */
type Became = Pick<Transaction, 'status'> &
  Partial<Pick<Transaction, 'awaits' | 'capturedMinor' | 'failure' | 'expiresAt'>>;

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
