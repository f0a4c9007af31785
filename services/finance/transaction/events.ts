import {
  LedgerAccountStatus,
  LedgerAccountStatusChangedSchema,
  TransactionsChangedSchema,
} from '#gen/finance/transaction/v1/transaction_pb.ts';
import { event, type OutgoingEvent } from '#kit/bus/event.ts';
import type { Account, Transaction } from './domain.ts';
import { transactionToProto } from './proto.ts';

/** Published with each commit that made or changed transactions: all of them, once. */
export function transactionsChanged(transactions: readonly Transaction[]): OutgoingEvent {
  return event(TransactionsChangedSchema, transactions[0]!.transactionId, {
    transactions: transactions.map((each) => transactionToProto(each, 'services')),
  });
}

/** Published with each commit that froze an account, set it free or closed it. */
export function statusChanged({ accountId, ownerId, status, currency }: Account): OutgoingEvent {
  return event(LedgerAccountStatusChangedSchema, accountId, {
    accountId,
    ownerId: ownerId!,
    status: LedgerAccountStatus[status],
    currencyCode: currency,
  });
}
