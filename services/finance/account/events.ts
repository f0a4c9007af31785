import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { AccountOpenedSchema } from '#gen/finance/account/v1/account_pb.ts';
import { AccountType } from '#gen/finance/transaction/v1/verdict_pb.ts';
import { event, type OutgoingEvent } from '#kit/bus/event.ts';
import type { Account } from './domain.ts';

/** Published once for each account, without anything that is sealed: every service may read the bus. */
export function accountOpened(account: Account): OutgoingEvent {
  const { accountId, ownerId, type, currency: currencyCode, createdAt } = account;
  return event(AccountOpenedSchema, accountId, {
    accountId,
    ownerId,
    accountType: AccountType[type],
    currencyCode,
    createTime: timestampFromMs(createdAt),
  });
}
