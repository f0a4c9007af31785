import { asCollision } from '#kit/db/collision.ts';
import type { Database, Tx } from '#kit/db/database.ts';
import type { Account } from '../domain.ts';
import { type AccountRow, toAccount } from './rows.ts';

/** Locks accounts in the order of their ids, which is that of all writers, and reads them; unknown ones are left out. */
export async function lockAccounts(tx: Tx, accountIds: readonly string[]): Promise<Account[]> {
  if (accountIds.length === 0) return [];
  const rows = await tx<AccountRow[]>`
    select * from account where account_id = any(${accountIds as string[]}::uuid[])
    order by account_id for no key update`;
  return rows.map(toAccount);
}

/** Reads accounts without a lock; unknown ones are left out. */
export async function readAccounts(tx: Tx, accountIds: readonly string[]): Promise<Account[]> {
  const rows = await tx<AccountRow[]>`
    select * from account where account_id = any(${accountIds as string[]}::uuid[])`;
  return rows.map(toAccount);
}

/** An account that had no row could not be locked: two writers may have met on it. */
export function insertAccounts(database: Database, tx: Tx, accounts: readonly Account[]): void {
  if (accounts.length === 0) return;
  const statement = tx`
    insert into account (account_id, owner_id, type, currency, status, floor_minor, posted_minor,
      held_minor, incoming_minor, sequence, version, opened_at, updated_at)
    select account_id, owner_id, type, currency, status, floor_minor, posted_minor, held_minor,
      incoming_minor, sequence, version, to_timestamp(opened_ms / 1000::float8),
      to_timestamp(updated_ms / 1000::float8)
    from unnest(
      ${accounts.map((a) => a.accountId)}::uuid[],
      ${accounts.map((a) => a.ownerId ?? null)}::uuid[],
      ${accounts.map((a) => a.type ?? null)}::text[],
      ${accounts.map((a) => a.currency)}::text[],
      ${accounts.map((a) => a.status)}::text[],
      ${accounts.map((a) => (a.floor === undefined ? null : String(a.floor)))}::bigint[],
      ${accounts.map((a) => String(a.posted))}::bigint[],
      ${accounts.map((a) => String(a.held))}::bigint[],
      ${accounts.map((a) => String(a.incoming))}::bigint[],
      ${accounts.map((a) => String(a.sequence))}::bigint[],
      ${accounts.map((a) => String(a.version))}::bigint[],
      ${accounts.map((a) => a.openedAt)}::bigint[],
      ${accounts.map((a) => a.updatedAt)}::bigint[]
    ) as t (account_id, owner_id, type, currency, status, floor_minor, posted_minor, held_minor,
      incoming_minor, sequence, version, opened_ms, updated_ms)
    order by account_id`;
  database.defer(tx, statement, asCollision('account_pkey'));
}

/** An account as it was read and as it became. */
export interface ChangedAccount {
  former: Account;
  present: Account;
}

/**
 * Writes accounts as they became. `onError` gets the violation of account_version when one of them is not as it was read.
 * In the order of their ids: whoever waits for one holds none that comes behind it.
 */
export function updateAccounts(
  database: Database,
  tx: Tx,
  changes: readonly ChangedAccount[],
  onError: (error: unknown) => never,
): void {
  if (changes.length === 0) return;
  const sorted = changes.toSorted((a, b) => (a.present.accountId < b.present.accountId ? -1 : 1));
  const present = sorted.map((change) => change.present);
  const statement = tx`
    with written as (
      update account a set status = t.status, posted_minor = t.posted_minor,
        held_minor = t.held_minor, incoming_minor = t.incoming_minor, sequence = t.sequence,
        version = t.version, updated_at = to_timestamp(t.updated_ms / 1000::float8)
      from unnest(
        ${present.map((a) => a.accountId)}::uuid[],
        ${present.map((a) => a.status)}::text[],
        ${present.map((a) => String(a.posted))}::bigint[],
        ${present.map((a) => String(a.held))}::bigint[],
        ${present.map((a) => String(a.incoming))}::bigint[],
        ${present.map((a) => String(a.sequence))}::bigint[],
        ${present.map((a) => String(a.version))}::bigint[],
        ${present.map((a) => a.updatedAt)}::bigint[],
        ${sorted.map(({ former }) => String(former.posted))}::bigint[],
        ${sorted.map(({ former }) => String(former.held))}::bigint[]
      ) as t (account_id, status, posted_minor, held_minor, incoming_minor, sequence, version,
        updated_ms, former_posted, former_held)
      where a.account_id = t.account_id and a.version = t.version - 1
        and a.posted_minor = t.former_posted and a.held_minor = t.former_held
      returning 1)
    select expect_accounts(count(*), ${changes.length}) from written`;
  database.defer(tx, statement, onError);
}

/** Holds accounts that did not change to what was read of them; `onError` as above. */
export function checkAccounts(
  database: Database,
  tx: Tx,
  accounts: readonly Account[],
  onError: (error: unknown) => never,
): void {
  if (accounts.length === 0) return;
  const statement = tx`
    select expect_accounts(count(*), ${accounts.length})
    from account join unnest(
      ${accounts.map((a) => a.accountId)}::uuid[],
      ${accounts.map((a) => String(a.version))}::bigint[],
      ${accounts.map((a) => String(a.posted))}::bigint[],
      ${accounts.map((a) => String(a.held))}::bigint[]
    ) as t (account_id, version, posted_minor, held_minor)
      using (account_id, version, posted_minor, held_minor)`;
  database.defer(tx, statement, onError);
}
