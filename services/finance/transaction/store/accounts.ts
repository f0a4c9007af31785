import { asCollision } from '#kit/db/collision.ts';
import type { Database, Tx } from '#kit/db/database.ts';
import type { Account } from '../domain.ts';
import { type AccountRow, toAccount } from './rows.ts';

/** Locks accounts in the order of their ids, which is that of all writers, and reads them; unknown ones are left out. */
export async function lockAccounts(tx: Tx, accountIds: readonly string[]): Promise<Account[]> {
  if (accountIds.length === 0) return [];
  const rows = await tx<AccountRow[]>`
    select account_id, owner_id, type, currency, status, floor_minor, posted_minor, held_minor,
      incoming_minor, sequence, version, opened_at, updated_at
    from account where account_id = any(${accountIds as string[]}::uuid[])
    order by account_id for no key update`;
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

/** Writes accounts that are locked as they became. */
export function updateAccounts(database: Database, tx: Tx, accounts: readonly Account[]): void {
  if (accounts.length === 0) return;
  const statement = tx`
    update account a set status = t.status, posted_minor = t.posted_minor,
      held_minor = t.held_minor, incoming_minor = t.incoming_minor, sequence = t.sequence,
      version = t.version, updated_at = to_timestamp(t.updated_ms / 1000::float8)
    from unnest(
      ${accounts.map((a) => a.accountId)}::uuid[],
      ${accounts.map((a) => a.status)}::text[],
      ${accounts.map((a) => String(a.posted))}::bigint[],
      ${accounts.map((a) => String(a.held))}::bigint[],
      ${accounts.map((a) => String(a.incoming))}::bigint[],
      ${accounts.map((a) => String(a.sequence))}::bigint[],
      ${accounts.map((a) => String(a.version))}::bigint[],
      ${accounts.map((a) => a.updatedAt)}::bigint[]
    ) as t (account_id, status, posted_minor, held_minor, incoming_minor, sequence, version,
      updated_ms)
    where a.account_id = t.account_id`;
  database.defer(tx, statement);
}
