import type { Sql } from 'postgres';
import { limits } from '../limits.ts';
import { DeadlineTooShort } from '../mesh-errors.ts';
import { currentScope, remainingMs } from '../scope.ts';
import { type Client, openClient, type Types } from './client.ts';
import { createPool, sqlOf } from './pool.ts';
import { inTransaction, type Tx } from './transaction.ts';

export { TransactionOver, type Tx } from './transaction.ts';

/** One service's own schema, and nothing else: the role has no rights elsewhere. */
export interface Database {
  readonly schema: string;
  /**
   * Raw SQL, prepared once per text, for statements that stand alone. Values are parameters, never text. Its connections
   * are not those of the transactions, so neither waits for the other.
   */
  readonly sql: Sql<Types>;
  /**
   * Runs `work` in one transaction whose statements end when the budget of the current scope does. Throws what `work`
   * throws, after a rollback. READ COMMITTED: lock rows before reading what you decide by.
   */
  transaction<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
  /** Runs `work` in a part of a transaction: when it throws, what it did is undone and the rest stays. */
  savepoint<Result>(tx: Tx, work: (tx: Tx) => Promise<Result>): Promise<Result>;
  /** Calls `listener` after each committed transaction that published events. */
  onPublished(listener: () => void): void;
  /** Notes that a transaction published; its commit then calls the listeners. For kit/db/outbox.ts. */
  willPublish(tx: Tx): void;
  /** Rejects when the database does not answer. */
  check(): Promise<void>;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  url: string;
  schema: string;
  /** The role to act as; absent means the one of the URL. */
  role?: string;
  /** Transactions at once. */
  connectionsMax?: number;
  /** Shown in pg_stat_activity. */
  application?: string;
  /** Hears the text of each statement that is sent, for tests that count them. */
  onStatement?: (text: string) => void;
}

export function createDatabase(options: DatabaseOptions): Database {
  const { schema } = options;
  const open = () => openWith(options);
  const readers = createPool(open, limits.databaseReadersMax);
  const writers = createPool(open, options.connectionsMax ?? limits.databaseConnectionsMax);
  const sql = sqlOf(readers, open());
  const listeners: (() => void)[] = [];
  const publishing = new WeakSet<Tx>();

  return {
    schema,
    sql,
    async transaction<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result> {
      let didPublish = false;
      const result = await inTransaction(writers, async (tx) => {
        limitToBudget(tx);
        const value = await work(tx);
        didPublish = publishing.has(tx);
        return value;
      });
      if (didPublish) for (const listener of listeners) listener();
      return result;
    },
    async savepoint<Result>(tx: Tx, work: (tx: Tx) => Promise<Result>): Promise<Result> {
      // Not waited for: the connection keeps the order, and when it fails, so does all that follows.
      tx`savepoint part`.catch(() => {});
      try {
        return await work(tx);
      } catch (error) {
        await tx`rollback to savepoint part`;
        throw error;
      }
    },
    onPublished: (listener) => listeners.push(listener),
    willPublish: (tx) => publishing.add(tx),
    async check() {
      await sql`select 1`;
    },
    async close() {
      await Promise.all([readers.end(), writers.end()]);
    },
  };
}

function openWith(options: DatabaseOptions): Client {
  return openClient(options.url, {
    connect_timeout: 5,
    // A lost server is looked for again soon, and for ever: the process outlives it.
    backoff: (attempt) => Math.min(1, 0.05 * attempt),
    onnotice: () => {},
    debug: options.onStatement && ((_, text) => options.onStatement?.(text)),
    connection: {
      application_name: options.application ?? options.schema,
      search_path: options.schema,
      statement_timeout: limits.statementMsMax,
      idle_in_transaction_session_timeout: limits.statementMsMax,
      ...(options.role === undefined ? {} : { role: options.role }),
    },
  });
}

/** Budgets this close to the connection's own limit are left to it: a batch begins a moment after its budget did. */
const budgetSlackMs = 1_000;

/**
 * Gives the statements of a transaction what is left of the budget. Sent ahead without waiting: the connection keeps
 * the order, so it costs no round trip. Without a scope, or with more than the connection's own limit, that one holds.
 */
function limitToBudget(tx: Tx): void {
  if (currentScope() === undefined) return;
  const leftMs = Math.floor(remainingMs());
  if (leftMs >= limits.statementMsMax - budgetSlackMs) return;
  if (leftMs < limits.deadlineUsefulMsMin) throw new DeadlineTooShort();
  tx`select set_config('statement_timeout', ${String(leftMs)}, true)`.catch(() => {});
}
