import type { Database } from '#kit/db/database.ts';
import { createCoalescer } from '#kit/load/coalesce.ts';
import { createRecent } from '#kit/recent.ts';
import { newSystemAccount } from '../domain/system.ts';
import { type AccountIdentity, limits } from '../domain.ts';
import type { AccountRow } from './rows.ts';

/** What never changes of accounts. */
export interface Identities {
  /** Answers them by their ids; unknown ones are left out, those of the system are known from the start. */
  read(accountIds: readonly string[]): Promise<Map<string, AccountIdentity>>;
}

/** Reads them once, and remembers them: accounts are never removed and never change hands. */
export function createIdentities({ sql }: Database): Identities {
  const known = createRecent<AccountIdentity>(limits.knownAccountsMax);
  const reading = createCoalescer<string, AccountIdentity | undefined>({
    name: 'finance.transaction.identities',
    timeoutMs: limits.readMsMax,
    async run(accountIds) {
      const rows = await sql<
        Pick<AccountRow, 'account_id' | 'owner_id' | 'type' | 'currency' | 'opened_at'>[]
      >`
        select account_id, owner_id, type, currency, opened_at from account
        where account_id = any(${accountIds}::uuid[])`;
      for (const row of rows) {
        known.set(row.account_id, {
          accountId: row.account_id,
          ownerId: row.owner_id ?? undefined,
          type: row.type ?? undefined,
          currency: row.currency,
          openedAt: row.opened_at.getTime(),
        });
      }
      return accountIds.map((id) => ({ value: known.get(id) }));
    },
  });
  const find = (accountId: string) =>
    known.get(accountId) ?? newSystemAccount(accountId) ?? reading.do(accountId);

  return {
    async read(accountIds) {
      const found = new Map<string, AccountIdentity>();
      for (const account of await Promise.all(accountIds.map(find))) {
        if (account !== undefined) found.set(account.accountId, account);
      }
      return found;
    },
  };
}
