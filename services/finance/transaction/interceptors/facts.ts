import {
  AccountType,
  type Party,
  type TransactionFacts,
  TransactionType,
} from '#gen/finance/transaction/v1/verdict_pb.ts';
import type { AccountIdentity, Hold, Intent } from '../domain.ts';
import { amountToProto, timeToProto } from '../proto.ts';

/** What risk and compliance are told, both the same. All accounts are known; `now` is in milliseconds since the epoch. */
export function factsOf(
  { intent, hold, contentHash }: { intent: Intent; hold: Hold | undefined; contentHash: Buffer },
  accounts: ReadonlyMap<string, AccountIdentity>,
  now: number,
): TransactionFacts {
  const { transactionId, type, legs, initiator } = intent;
  const partyOf = (accountId: string) => partyToProto(accounts.get(accountId)!);
  return {
    $typeName: 'finance.transaction.v1.TransactionFacts',
    transactionId,
    contentHash,
    type: TransactionType[type],
    legs: legs.map((leg) => ({
      $typeName: 'finance.transaction.v1.Leg',
      source: partyOf(leg.sourceId),
      destination: partyOf(leg.destinationId),
      amount: amountToProto(leg),
    })),
    initiatorId: initiator.userId ?? '',
    isAuthorization: hold !== undefined,
    requestTime: timeToProto(now),
  };
}

function partyToProto({ accountId, ownerId, type, openedAt }: AccountIdentity): Party {
  return {
    $typeName: 'finance.transaction.v1.Party',
    accountId,
    ownerId: ownerId ?? '',
    accountType: type === undefined ? AccountType.UNSPECIFIED : AccountType[type],
    openTime: openedAt === 0 ? undefined : timeToProto(openedAt),
  };
}
