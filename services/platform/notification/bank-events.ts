/** What people are told of their money. */
import {
  Awaiting,
  FailureReasonSchema,
  LedgerAccountStatus,
  type LedgerAccountStatusChanged,
  type Transaction,
  TransactionStatus,
  type TransactionsChanged,
} from '#gen/finance/transaction/v1/transaction_pb.ts';
import { PoisonEvent } from '#kit/bus/event.ts';
import { minorPerUnit } from '#kit/currency.ts';
import { isUuid } from '#kit/ids.ts';
import { type Kind, limits, type Telling } from './domain.ts';

/** What people are told when transactions were made or changed: each by its own side of them. */
export function tellingsOfTransactions({ transactions }: TransactionsChanged): Telling[] {
  return transactions.flatMap(tellingsOf);
}

function tellingsOf(transaction: Transaction): Telling[] {
  const { status, awaits } = transaction;
  if (status === TransactionStatus.COMPLETED) return tellingsOfCompleted(transaction);
  if (status === TransactionStatus.FAILED) {
    const reason = FailureReasonSchema.value[transaction.failureReason]?.localName ?? 'UNSPECIFIED';
    return toPayer(transaction, 'TRANSACTION_FAILED', { reason });
  }
  const isNewInReview = status === TransactionStatus.PENDING && awaits === Awaiting.REVIEW;
  return isNewInReview ? toPayer(transaction, 'TRANSACTION_UNDER_REVIEW') : [];
}

function tellingsOfCompleted(transaction: Transaction): Telling[] {
  const { sourceOwnerId, destinationOwnerId, destinationAccountId } = transaction;
  const out = isLarge(transaction)
    ? toPayer(transaction, 'LARGE_PAYMENT')
    : toPayer(transaction, 'TRANSACTION_COMPLETED', { direction: 'out' });
  // Who moves money between accounts of their own is told once.
  if (destinationOwnerId === '' || destinationOwnerId === sourceOwnerId) return out;
  const more = { direction: 'in', account_id: destinationAccountId };
  return [...out, telling(transaction, destinationOwnerId, 'TRANSACTION_COMPLETED', more)];
}

/** What people are told when the status of their account changes. Each further freeze is a subject of its own. */
export function tellingsOfStatus(changed: LedgerAccountStatusChanged): Telling[] {
  const { accountId, ownerId, status, version } = changed;
  if (status !== LedgerAccountStatus.FROZEN) return [];
  if (!isUuid(ownerId)) throw new PoisonEvent();
  const parameters = { account_id: accountId };
  return [
    { userId: ownerId, kind: 'ACCOUNT_FROZEN', subjectId: `${accountId}:${version}`, parameters },
  ];
}

function toPayer(
  transaction: Transaction,
  kind: Kind,
  more: Record<string, string> = {},
): Telling[] {
  const { sourceOwnerId } = transaction;
  return sourceOwnerId === '' ? [] : [telling(transaction, sourceOwnerId, kind, more)];
}

function telling(
  transaction: Transaction,
  userId: string,
  kind: Kind,
  more: Record<string, string>,
): Telling {
  const { transactionId, sourceAccountId, amount, capturedMinor } = transaction;
  if (amount === undefined || !isUuid(userId)) throw new PoisonEvent();
  const parameters = {
    transaction_id: transactionId,
    account_id: sourceAccountId,
    amount_minor: String(capturedMinor || amount.amountMinor),
    currency_code: amount.currencyCode,
    ...more,
  };
  return { userId, kind, subjectId: transactionId, parameters };
}

function isLarge({ amount, capturedMinor }: Transaction): boolean {
  const unit = minorPerUnit(amount?.currencyCode ?? '');
  if (unit === undefined) throw new PoisonEvent();
  return capturedMinor >= limits.largePaymentMajorMin * unit;
}
