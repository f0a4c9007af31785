import type { Account } from '#gen/finance/account/v1/account_pb.ts';
import { assert } from '#kit/errors.ts';
import type { AccountDeps } from '../deps.ts';
import { maskNumber } from '../domain/number.ts';
import type { AccountRecord } from '../store.ts';

/** The masked numbers of accounts, in order; empty where the customer is erased. */
export async function maskedNumbersOf(
  { database, details }: Pick<AccountDeps, 'database' | 'details'>,
  accounts: readonly AccountRecord[],
): Promise<string[]> {
  const opened = await details.open(database.sql, accounts, ['number']);
  return opened.map((one) => (one === undefined ? '' : maskNumber(one.number)));
}

/** An account of an answer with its masked number: records of answers outlive the key, so they hold nothing of it. */
export async function withMaskedNumber(deps: AccountDeps, account: Account): Promise<Account> {
  const record = await deps.store.read(deps.database.sql, account.accountId);
  assert(record !== undefined, 'an account that an answer tells of is there');
  const [maskedNumber = ''] = await maskedNumbersOf(deps, [record]);
  return { ...account, maskedNumber };
}
