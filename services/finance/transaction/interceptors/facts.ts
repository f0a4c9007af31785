import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  AccountType,
  type TransactionFacts,
  TransactionFactsSchema,
  TransactionType,
} from '#gen/finance/transaction/v1/verdict_pb.ts';
import type { AccountIdentity, Hold, Intent } from '../domain.ts';

/** What risk and compliance are told, both the same. All accounts are known; `now` is in milliseconds since the epoch. */
export function factsOf(
  { intent, hold, contentHash }: { intent: Intent; hold: Hold | undefined; contentHash: Buffer },
  accounts: ReadonlyMap<string, AccountIdentity>,
  now: number,
): TransactionFacts {
  const { transactionId, type, legs, initiator } = intent;
  const partyOf = (accountId: string) => partyToProto(accounts.get(accountId)!);
  return create(TransactionFactsSchema, {
    transactionId,
    contentHash,
    type: TransactionType[type],
    legs: legs.map(({ sourceId, destinationId, amountMinor, currency }) => ({
      source: partyOf(sourceId),
      destination: partyOf(destinationId),
      amount: { currencyCode: currency, amountMinor },
    })),
    initiatorId: initiator.userId,
    isAuthorization: hold !== undefined,
    requestTime: timestampFromMs(now),
  });
}

function partyToProto({ accountId, ownerId, type, openedAt }: AccountIdentity) {
  return {
    accountId,
    ownerId,
    accountType: type && AccountType[type],
    openTime: openedAt === 0 ? undefined : timestampFromMs(openedAt),
  };
}
