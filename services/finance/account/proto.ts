/** Domain to proto and back. */
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { AccountStatus } from '#gen/finance/account/v1/account_pb.ts';
import { type Balance, LedgerAccountStatus } from '#gen/finance/transaction/v1/transaction_pb.ts';
import { AccountType, AccountTypeSchema } from '#gen/finance/transaction/v1/verdict_pb.ts';
import type { Account, AccountType as Type } from './domain.ts';

const statuses: Readonly<Record<number, AccountStatus>> = {
  [LedgerAccountStatus.ACTIVE]: AccountStatus.ACTIVE,
  [LedgerAccountStatus.FROZEN]: AccountStatus.FROZEN,
  [LedgerAccountStatus.CLOSED]: AccountStatus.CLOSED,
};

/** What never changes of an account, and nothing that is sealed. */
function basicsToProto(account: Account) {
  return {
    accountId: account.accountId,
    ownerId: account.ownerId,
    accountType: AccountType[account.type],
    currencyCode: account.currency,
    creditLimitMinor: account.creditLimitMinor,
    createTime: timestampFromMs(account.createdAt),
  };
}

/** With what the ledger says of it; without that it is being opened. The number is left out. */
export function accountToProto(account: Account, balance: Balance | undefined) {
  const basics = basicsToProto(account);
  if (balance === undefined) return { ...basics, status: AccountStatus.OPENING };
  const { status, postedMinor, heldMinor, incomingMinor, availableMinor } = balance;
  const amounts = { postedMinor, heldMinor, incomingMinor, availableMinor };
  return { ...basics, ...amounts, status: statuses[status]! };
}

/** As the ledger opens it: nothing is on it, and the credit can be spent. */
export function openedToProto(account: Account) {
  return {
    ...basicsToProto(account),
    status: AccountStatus.ACTIVE,
    availableMinor: account.creditLimitMinor,
  };
}

/** Takes values that the contract defines: others were refused before. */
export function accountTypeOf(value: AccountType): Type {
  return AccountTypeSchema.value[value]!.localName as Type;
}
