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
      held_minor, incoming_minor, sequence, version, change_id, opened_at, updated_at)
    select account_id, owner_id, type, currency, status, floor_minor, posted_minor, held_minor,
      incoming_minor, sequence, version, ${accounts[0]!.changeId}::uuid,
      to_timestamp(opened_ms / 1000::float8), to_timestamp(updated_ms / 1000::float8)
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
 * Writes accounts as one change made them. `onError` gets the violation of account_change when one of them is not as it was
 * read. In the order of their ids: whoever waits for one holds none that comes behind it.
 */
export function updateAccounts(
  database: Database,
  tx: Tx,
  changes: readonly ChangedAccount[],
  onError: (error: unknown) => never,
): void {
  if (changes.length === 0) return;
  const sorted = changes.toSorted((a, b) => (a.present.accountId < b.present.accountId ? -1 : 1));
  const accounts = sorted.map(({ present }) => present);
  const statement = tx`
    with written as (
      update account a set status = t.status, posted_minor = t.posted_minor,
        held_minor = t.held_minor, incoming_minor = t.incoming_minor, sequence = t.sequence,
        version = t.version, change_id = ${accounts[0]!.changeId},
        updated_at = to_timestamp(t.updated_ms / 1000::float8)
      from unnest(
        ${accounts.map((a) => a.accountId)}::uuid[],
        ${sorted.map(({ former }) => former.changeId)}::uuid[],
        ${accounts.map((a) => a.status)}::text[],
        ${accounts.map((a) => String(a.posted))}::bigint[],
        ${accounts.map((a) => String(a.held))}::bigint[],
        ${accounts.map((a) => String(a.incoming))}::bigint[],
        ${accounts.map((a) => String(a.sequence))}::bigint[],
        ${accounts.map((a) => String(a.version))}::bigint[],
        ${accounts.map((a) => a.updatedAt)}::bigint[]
      ) as t (account_id, former_change_id, status, posted_minor, held_minor, incoming_minor,
        sequence, version, updated_ms)
      where a.account_id = t.account_id and a.change_id = t.former_change_id
      returning 1)
    select expect_accounts(count(*), ${accounts.length}) from written`;
  database.defer(tx, statement, onError);
}

/** Holds accounts that did not change to what was read of them, until the commit; `onError` as above. */
export function checkAccounts(
  database: Database,
  tx: Tx,
  accounts: readonly Account[],
  onError: (error: unknown) => never,
): void {
  if (accounts.length === 0) return;
  const statement = tx`
    with found as (
      select from account a
      join unnest(
        ${accounts.map((a) => a.accountId)}::uuid[],
        ${accounts.map((a) => a.changeId)}::uuid[]
      ) as t (account_id, change_id) using (account_id, change_id)
      order by account_id for share of a)
    select expect_accounts(count(*), ${accounts.length}) from found`;
  database.defer(tx, statement, onError);
}
