import {
  type Transaction,
  TransactionStatus,
  TransactionsChangedSchema,
} from '#gen/finance/transaction/v1/transaction_pb.ts';
import { type Subscription, subscription } from '#kit/bus/consumer.ts';
import type { Ending } from './domain/settle.ts';
import type { Settle } from './settlement.ts';

/** How a transaction ended; undefined while its money is held. */
export function endingOf({ status, amount, capturedMinor }: Transaction): Ending | undefined {
  switch (status) {
    case TransactionStatus.COMPLETED:
      return amount !== undefined && capturedMinor >= amount.amountMinor
        ? { kind: 'settled' }
        : { kind: 'captured', capturedMinor };
    case TransactionStatus.FAILED:
    case TransactionStatus.CANCELLED:
      return { kind: 'released' };
    default:
      return undefined;
  }
}

/** The ends of those transactions that have one. A transaction has one end, whichever event tells it. */
export function endingsOf(transactions: readonly Transaction[]): Map<string, Ending> {
  const endings = new Map<string, Ending>();
  for (const transaction of transactions) {
    const ending = endingOf(transaction);
    if (ending !== undefined) endings.set(transaction.transactionId, ending);
  }
  return endings;
}

/** Settles what the ledger says has ended. */
export function settleOnChange(settle: Settle): Subscription {
  return subscription({
    name: 'settle',
    schema: TransactionsChangedSchema,
    concerns: ({ transactions }) => endingsOf(transactions).size > 0,
    handle: (events, tx) =>
      settle(tx, endingsOf(events.flatMap(({ message }) => message.transactions))),
  });
}
