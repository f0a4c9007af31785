/** What becomes of money that is held for a capture. Pure. */
import { type Initiator, isOpen, type Transaction } from '../domain.ts';
import type { Book } from './book.ts';
import type { Of } from './commands.ts';
import { draftOf } from './moves.ts';
import {
  CaptureNotDivisible,
  CaptureTooLarge,
  TransactionInReview,
  TransactionNotFound,
  TransactionNotOpen,
} from './refusals.ts';

/** Moves all or part of what was authorized, and gives the rest free. */
export function capture(
  book: Book,
  { transactionId, amountMinor, by }: Of<'capture'>,
): Transaction {
  const authorization = readAuthorization(book, transactionId, by);
  const { status, awaits, legs } = authorization;
  if (!isOpen(authorization) || isDue(book, authorization)) {
    throw new TransactionNotOpen({
      transaction_id: transactionId,
      status: isOpen(authorization) ? 'CANCELLED' : status,
    });
  }
  if (awaits === 'REVIEW') throw new TransactionInReview({ transaction_id: transactionId });
  const [first] = legs;
  const capturedMinor = amountMinor ?? first!.amountMinor;
  if (capturedMinor > first!.amountMinor) {
    throw new CaptureTooLarge({
      transaction_id: transactionId,
      authorized_minor: String(first!.amountMinor),
    });
  }
  if (capturedMinor < first!.amountMinor && legs.length > 1) {
    throw new CaptureNotDivisible({ transaction_id: transactionId });
  }
  return moveHeld(book, authorization, capturedMinor);
}

/** Posts a transaction whose money is held; what is held and not moved is given free. */
export function moveHeld(book: Book, held: Transaction, capturedMinor: bigint): Transaction {
  const { transactionId, legs } = held;
  const [first, ...further] = legs;
  const draft = draftOf(book, transactionId);
  draft.release(legs);
  draft.post([{ ...first!, amountMinor: capturedMinor }, ...further]);
  draft.keep();
  return book.putTransaction({
    ...held,
    status: 'COMPLETED',
    awaits: undefined,
    capturedMinor,
    expiresAt: undefined,
  });
}

/** Gives free what was authorized; a cancelled one is left as it is. */
export function voidAuthorization(book: Book, { transactionId, by }: Of<'void'>): Transaction {
  const authorization = readAuthorization(book, transactionId, by);
  if (authorization.status === 'CANCELLED') return authorization;
  if (!isOpen(authorization)) {
    const { status } = authorization;
    throw new TransactionNotOpen({ transaction_id: transactionId, status });
  }
  return giveFree(book, authorization, 'VOIDED');
}

/** Gives free what was held for too long; whoever was faster has decided, and there is nothing left to expire. */
export function expire(book: Book, { transactionId }: Of<'expire'>): Transaction {
  const transaction = book.transaction(transactionId);
  if (transaction === undefined) throw new TransactionNotFound({ transaction_id: transactionId });
  const isExpiring = isOpen(transaction) && isDue(book, transaction);
  return isExpiring ? giveFree(book, transaction, 'EXPIRED') : transaction;
}

/** Ends what held money, without moving any. */
export function giveFree(
  book: Book,
  held: Transaction,
  failure: 'VOIDED' | 'EXPIRED' | 'REJECTED',
): Transaction {
  const draft = draftOf(book, held.transactionId);
  draft.release(held.legs);
  draft.keep();
  const status = failure === 'REJECTED' ? 'FAILED' : 'CANCELLED';
  return book.putTransaction({
    ...held,
    status,
    awaits: undefined,
    failure,
    expiresAt: undefined,
  });
}

/** Whether its time is over, also when nobody has noticed yet. */
export function isDue({ now }: Book, { expiresAt }: Transaction): boolean {
  return expiresAt !== undefined && expiresAt <= now;
}

/** An authorization that the caller may capture and void: people those that pay them. */
function readAuthorization(book: Book, transactionId: string, by: Initiator): Transaction {
  const found = book.transaction(transactionId);
  const payee = found && book.account(found.legs[0]!.destinationId)?.ownerId;
  const isAllowed = by.mayUseAnyAccount || (payee !== undefined && payee === by.userId);
  if (found === undefined || !isAllowed) {
    throw new TransactionNotFound({ transaction_id: transactionId });
  }
  if (found.hold === undefined) {
    throw new TransactionNotOpen({ transaction_id: transactionId, status: found.status });
  }
  return found;
}
