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
  const insert = (on: Tx, rows: readonly Entry[]) => on`
    insert into entry (account_id, sequence, transaction_id, delta_minor, balance_minor, created_at)
    select account_id, sequence, transaction_id, delta_minor, balance_minor,
      to_timestamp(${postedAt}::bigint / 1000::float8)
    from unnest(
      ${rows.map((e) => e.accountId)}::uuid[],
      ${rows.map((e) => String(e.sequence))}::bigint[],
      ${rows.map((e) => e.transactionId)}::uuid[],
      ${rows.map((e) => String(e.deltaMinor))}::bigint[],
      ${rows.map((e) => String(e.balanceMinor))}::bigint[]
    ) as t (account_id, sequence, transaction_id, delta_minor, balance_minor)`;
  database.deferRows(tx, insert, entries);
}
