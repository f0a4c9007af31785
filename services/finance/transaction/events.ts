import {
  LedgerAccountStatus,
  LedgerAccountStatusChangedSchema,
  TransactionsChangedSchema,
} from '#gen/finance/transaction/v1/transaction_pb.ts';
import { event, type OutgoingEvent } from '#kit/bus/event.ts';
import type { Account, Transaction } from './domain.ts';
import { transactionToProto } from './proto.ts';

/**
 * Published with each commit that made or changed transactions: all of them, once. `ownerOf` knows whose an account is that
 * takes part in them; undefined for one of the system.
 */
export function transactionsChanged(
  transactions: readonly Transaction[],
  ownerOf: (accountId: string) => string | undefined,
): OutgoingEvent {
  return event(TransactionsChangedSchema, transactions[0]!.transactionId, {
    transactions: transactions.map((each) => {
      const { sourceId, destinationId } = each.legs[0]!;
      const message = transactionToProto(each, 'services');
      message.sourceOwnerId = ownerOf(sourceId) ?? '';
      message.destinationOwnerId = ownerOf(destinationId) ?? '';
      return message;
    }),
  });
}

/** Published with each commit that froze an account, set it free or closed it. */
export function statusChanged(account: Account): OutgoingEvent {
  const { accountId, ownerId, status, currency, version } = account;
  return event(LedgerAccountStatusChangedSchema, accountId, {
    accountId,
    ownerId: ownerId!,
    status: LedgerAccountStatus[status],
    currencyCode: currency,
    version,
  });
}
