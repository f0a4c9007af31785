import type { Database, Tx } from '#kit/db/database.ts';
import type { RowOf } from '#kit/db/row.ts';
import type { Customer } from '../domain/customers.ts';
import type { customer } from '../schema.ts';

/** What screening found of customers. */
export interface CustomerStore {
  /** Reads a customer whom nobody else writes until the end of the transaction, whether or not there is one yet. */
  lock(tx: Tx, ownerId: string): Promise<Customer | undefined>;
  /** Writes a customer who was locked. */
  save(tx: Tx, customer: Customer): Promise<void>;
}

/** Keeps them in the schema of the database, of which each `tx` must be a transaction. */
export function createCustomerStore({ schema }: Database): CustomerStore {
  return {
    async lock(tx, ownerId) {
      // A customer who is new has no row to lock.
      await tx`select pg_advisory_xact_lock(hashtextextended(${`${schema} ${ownerId}`}, 0))`;
      const [row] = await tx<RowOf<typeof customer>[]>`
        select * from customer where owner_id = ${ownerId}`;
      return row && toCustomer(row);
    },

    async save(tx, { ownerId, nameDigest, listVersion, match, ...rest }) {
      const { matchedEntries, clearedEntries, screenedAt } = rest;
      await tx`
        insert into customer (owner_id, name_digest, list_version, match, matched_entries,
          cleared_entries, screened_at)
        values (${ownerId}, ${Buffer.from(nameDigest)}, ${listVersion}, ${match},
          ${matchedEntries as string[]}::text[], ${clearedEntries as string[]}::text[],
          ${new Date(screenedAt)})
        on conflict (owner_id) do update set name_digest = excluded.name_digest,
          list_version = excluded.list_version, match = excluded.match,
          matched_entries = excluded.matched_entries, cleared_entries = excluded.cleared_entries,
          screened_at = excluded.screened_at`;
    },
  };
}

function toCustomer(row: RowOf<typeof customer>): Customer {
  return {
    ownerId: row.owner_id,
    nameDigest: row.name_digest,
    listVersion: row.list_version,
    match: row.match,
    matchedEntries: row.matched_entries,
    clearedEntries: row.cleared_entries,
    screenedAt: row.screened_at.getTime(),
  };
}
