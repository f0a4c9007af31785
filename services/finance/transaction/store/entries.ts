import type { Database, Tx } from '#kit/db/database.ts';
import type { Entry } from '../domain.ts';

/**
 * Writes entries behind the transactions that they belong to. `postedAt` is in milliseconds since the epoch. The lock of
 * its account keeps the numbers of an entry from being given twice.
 */
export function insertEntries(
  database: Database,
  tx: Tx,
  entries: readonly Entry[],
  postedAt: number,
): void {
  if (entries.length === 0) return;
  const statement = tx`
    insert into entry (account_id, sequence, transaction_id, delta_minor, balance_minor, created_at)
    select account_id, sequence, transaction_id, delta_minor, balance_minor,
      to_timestamp(${postedAt}::bigint / 1000::float8)
    from unnest(
      ${entries.map((e) => e.accountId)}::uuid[],
      ${entries.map((e) => String(e.sequence))}::bigint[],
      ${entries.map((e) => e.transactionId)}::uuid[],
      ${entries.map((e) => String(e.deltaMinor))}::bigint[],
      ${entries.map((e) => String(e.balanceMinor))}::bigint[]
    ) as t (account_id, sequence, transaction_id, delta_minor, balance_minor)`;
  database.defer(tx, statement);
}
