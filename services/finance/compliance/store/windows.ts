import { byteaArray } from '#kit/db/arrays.ts';
import type { Database, Tx } from '#kit/db/database.ts';
import type { RowOf } from '#kit/db/row.ts';
import type { AccountWindow } from '../domain/decide.ts';
import { readMovements, writeMovements } from '../domain/window.ts';
import type { accountWindow } from '../schema.ts';

/** An account of a customer that is heard of for the first time. */
export type NewAccount = Omit<AccountWindow, 'movements'>;

/** The latest movements of accounts: one row each. */
export interface WindowStore {
  /** Reads the windows of accounts; unknown ones are left out, as are the system's, which have none. */
  read(accountIds: readonly string[]): Promise<Map<string, AccountWindow>>;
  /** As `read`, and nobody else writes them until the end of the transaction. */
  lock(tx: Tx, accountIds: readonly string[]): Promise<Map<string, AccountWindow>>;
  /** Makes empty windows. Those that are there already stay as they are. */
  insert(accounts: readonly NewAccount[]): Promise<void>;
  /** Writes windows that were locked, together with the commit. */
  save(tx: Tx, windows: readonly AccountWindow[]): void;
}

type Row = Omit<RowOf<typeof accountWindow>, 'created_at'>;

/** Keeps them in the schema of `database`, of which each `tx` must be a transaction. */
export function createWindowStore(database: Database): WindowStore {
  const { sql } = database;
  return {
    async read(accountIds) {
      if (accountIds.length === 0) return new Map();
      const rows = await sql<Row[]>`
        select account_id, owner_id, opened_at, movements from account_window
        where account_id = any(${accountIds as string[]}::uuid[])`;
      return byAccount(rows);
    },

    async lock(tx, accountIds) {
      const rows = await tx<Row[]>`
        select account_id, owner_id, opened_at, movements from account_window
        where account_id = any(${accountIds as string[]}::uuid[])
        order by account_id for no key update`;
      return byAccount(rows);
    },

    async insert(accounts) {
      await sql`
        insert into account_window (account_id, owner_id, opened_at)
        select account_id, owner_id, to_timestamp(opened_ms / 1000.0)
        from unnest(
          ${accounts.map((a) => a.accountId)}::uuid[],
          ${accounts.map((a) => a.ownerId)}::uuid[],
          ${accounts.map((a) => String(a.openedAt))}::bigint[]
        ) as t (account_id, owner_id, opened_ms)
        order by account_id
        on conflict do nothing`;
    },

    save(tx, windows) {
      if (windows.length === 0) return;
      const bytes = windows.map(({ movements }) => writeMovements(movements));
      const statement = tx`
        update account_window w set movements = t.movements
        from unnest(
          ${windows.map((w) => w.accountId)}::uuid[],
          ${tx.typed(bytes, byteaArray)}
        ) as t (account_id, movements)
        where w.account_id = t.account_id`;
      database.defer(tx, statement);
    },
  };
}

function byAccount(rows: readonly Row[]): Map<string, AccountWindow> {
  return new Map(rows.map((row) => [row.account_id, toWindow(row)]));
}

function toWindow(row: Row): AccountWindow {
  return {
    accountId: row.account_id,
    ownerId: row.owner_id,
    openedAt: row.opened_at.getTime(),
    movements: readMovements(row.movements),
  };
}
