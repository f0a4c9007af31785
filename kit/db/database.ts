import type { Sql } from 'postgres';
import { assert } from '../errors.ts';
import { limits } from '../limits.ts';
import { currentBudget } from './budget.ts';
import { type Client, openClient, type Types } from './client.ts';
import { createPool, joined, type PoolState, sqlOf } from './pool.ts';
import {
  inTransaction,
  type LastStatement,
  type Tx,
  writesOnlyInTransactions,
} from './transaction.ts';

export { TransactionOver, type Tx } from './transaction.ts';

/** One service's own schema, and nothing else: the role has no rights elsewhere. */
export interface Database {
  readonly schema: string;
  /**
   * Raw SQL, prepared once per text, for statements that stand alone. Values are parameters, never text. Its connections
   * are not those of the transactions, so neither waits for the other. A statement ends soon after the budget of the
   * current scope; one that comes later still is not refused, for it may work for others or undo something.
   */
  readonly sql: Sql<Types>;
  /**
   * Runs `work` in one transaction, which ends with the budget of the current scope: the wait for a connection, and each
   * statement but the commit. Throws what `work` throws, after a rollback, and DeadlineTooShort. READ COMMITTED: lock rows
   * before reading what you decide by. With `isDurable: false` a crash of the server may undo it after the commit: for
   * what is done again then, and is the quicker for it.
   */
  transaction<Result>(
    work: (tx: Tx) => Promise<Result>,
    options?: { isDurable: boolean },
  ): Promise<Result>;
  /**
   * Hands a statement over whose result nobody needs: it goes out together with the commit, behind all others, and saves
   * a round trip. When it fails, nothing is committed and the transaction throws what `onError` makes of the error.
   */
  defer(tx: Tx, statement: PromiseLike<unknown>, onError?: LastStatement['onError']): void;
  /**
   * The same for rows that `write` inserts or updates: those of a transaction go out together, in order, and all such writes
   * as one statement behind what `defer` got, for a statement costs as much as several rows. So none of them may need
   * what another writes, or touch the same row.
   */
  deferRows<Row>(
    tx: Tx,
    write: RowWriter<Row>,
    rows: readonly Row[],
    onError?: LastStatement['onError'],
  ): void;
  /**
   * Sends what was handed over so far now instead of with the commit, and does not wait for it: the database works on it
   * while the transaction does something else. Resolves when it is all done or has failed; an error still comes with the
   * commit. Not within a savepoint: undoing that would undo what was handed over before it as well.
   */
  flush(tx: Tx): Promise<void>;
  /** Runs `work` in a part of a transaction: when it throws, what it did is undone and the rest stays. */
  savepoint<Result>(tx: Tx, work: (tx: Tx) => Promise<Result>): Promise<Result>;
  /** Calls `listener` after each committed transaction that published events. */
  onPublished(listener: () => void): void;
  /** Notes that a transaction published; its commit then calls the listeners. For kit/db/outbox.ts. */
  willPublish(tx: Tx): void;
  /** Its connections, by what they are for. */
  pools(): Readonly<Record<'transactions' | 'statements', PoolState>>;
  /** Rejects when the database does not answer. */
  check(): Promise<void>;
  close(): Promise<void>;
}

/** Makes the statement that writes rows, from a template. */
export type RowWriter<Row> = (tx: Tx, rows: readonly Row[]) => PromiseLike<unknown>;

/** Rows that were handed over, for a statement that is made at the end. */
interface DeferredRows {
  readonly write: RowWriter<never>;
  readonly rows: readonly unknown[];
  readonly onError: LastStatement['onError'];
}

/** Where a service's schema is, and as whom it is used. */
export interface DatabaseOptions {
  url: string;
  schema: string;
  /** The role to act as; absent means the one of the URL. */
  role?: string;
  /** Connections at most, 2 or more: a third of them for statements that stand alone, the others for transactions. */
  connectionsMax?: number;
  /** Shown in pg_stat_activity. */
  application?: string;
  /** Hears the text of each statement that is sent, for tests that count them. */
  onStatement?: (text: string) => void;
}

/**
 * Opens a schema. It connects with the first statement, and anew after a loss. A statement, and a wait within a
 * transaction, may take limits.statementMsMax.
 */
export function createDatabase(options: DatabaseOptions): Database {
  const { schema, connectionsMax = limits.databaseConnectionsMax } = options;
  const open = () => openWith(options);
  const readersMax = Math.max(1, Math.floor(connectionsMax * limits.databaseReadersShare));
  const readers = createPool(open, readersMax);
  const writers = createPool(
    () => openWith(options, writesOnlyInTransactions),
    connectionsMax - readersMax,
  );
  const sql = sqlOf(readers, open());
  const listeners: (() => void)[] = [];
  const publishing = new WeakSet<Tx>();
  const deferred = new WeakMap<Tx, (LastStatement | DeferredRows)[]>();
  const inSavepoint = new WeakSet<Tx>();

  function deferredOf(tx: Tx): (LastStatement | DeferredRows)[] {
    const parts = deferred.get(tx);
    assert(parts !== undefined, 'what is deferred belongs to a transaction of this database');
    return parts;
  }

  /** What was handed over, as it is sent: all rows by one, behind the others. */
  function statementsOf(tx: Tx): LastStatement[] {
    const parts = deferredOf(tx);
    const statements = parts.filter((part) => 'statement' in part);
    const rows = parts.filter((part) => 'write' in part);
    if (rows.length > 0) statements.push(joinedWrite(tx, rows));
    deferred.set(tx, statements);
    return statements;
  }

  return {
    schema,
    sql,
    async transaction<Result>(
      work: (tx: Tx) => Promise<Result>,
      { isDurable } = { isDurable: true },
    ): Promise<Result> {
      let didPublish = false;
      const settings = { budget: currentBudget(), isDurable };
      const result = await inTransaction(writers, settings, async (tx) => {
        deferred.set(tx, []);
        const value = await work(tx);
        didPublish = publishing.has(tx);
        return { result: value, last: statementsOf(tx) };
      });
      if (didPublish) for (const listener of listeners) listener();
      return result;
    },
    defer(tx, statement, onError) {
      deferredOf(tx).push({ statement, onError });
    },
    deferRows(tx, write, rows, onError) {
      if (rows.length > 0) deferredOf(tx).push({ write, rows, onError });
    },
    flush(tx) {
      assert(!inSavepoint.has(tx), 'nothing is flushed within a savepoint');
      // Awaiting sends a statement, once; the commit awaits it again.
      const sent = statementsOf(tx).map(({ statement }) => statement);
      return Promise.allSettled(sent).then(() => {});
    },
    async savepoint<Result>(tx: Tx, work: (tx: Tx) => Promise<Result>): Promise<Result> {
      const before = deferredOf(tx).length;
      const isOutermost = !inSavepoint.has(tx);
      inSavepoint.add(tx);
      // Not waited for: the connection keeps the order, and when it fails, so does all that follows.
      tx`savepoint part`.catch(() => {});
      try {
        return await work(tx);
      } catch (error) {
        deferredOf(tx).length = before;
        await tx`rollback to savepoint part`;
        throw error;
      } finally {
        if (isOutermost) inSavepoint.delete(tx);
      }
    },
    onPublished: (listener) => listeners.push(listener),
    willPublish: (tx) => publishing.add(tx),
    pools: () => ({ transactions: writers.state, statements: readers.state }),
    async check() {
      await sql`select 1`;
    },
    async close() {
      await Promise.all([readers.end(), writers.end()]);
    },
  };
}

function joinedWrite(tx: Tx, parts: readonly DeferredRows[]): LastStatement {
  const byWriter = Map.groupBy(parts, ({ write }) => write);
  const writes = [...byWriter].map(([write, some]) =>
    write(tx, some.flatMap(({ rows }) => rows) as never[]),
  );
  return {
    statement: writes.length === 1 ? writes[0]! : joined(tx, writes),
    onError(error) {
      throw parts.reduce(translated, error);
    },
  };
}

/** What one of several makes of an error that may be its own. */
function translated(error: unknown, { onError }: DeferredRows): unknown {
  try {
    return onError === undefined ? error : onError(error);
  } catch (thrown) {
    return thrown;
  }
}

/**
 * Plans that stay good while a table grows. A statement is planned once per connection, and PostgreSQL keeps the plan
 * until it has counted the table again: one made while the table was nearly empty reads all of it, thousands of rows
 * later, for each handful that a batch joins with. Services look up by index, so that is what a plan is to do. A statement
 * over a whole table may say otherwise for its transaction (`set local enable_hashjoin = on`).
 */
const plansByIndex = {
  enable_seqscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
} as const;

function openWith(options: DatabaseOptions, parameters: Record<string, boolean> = {}): Client {
  return openClient(options.url, {
    connect_timeout: limits.databaseConnectMsMax / 1000,
    // A lost server is looked for again soon, and for ever: the process outlives it.
    backoff: (attempt) => Math.min(1, 0.05 * attempt),
    onnotice: () => {},
    debug: options.onStatement && ((_, text) => options.onStatement?.(text)),
    connection: {
      application_name: options.application ?? options.schema,
      search_path: options.schema,
      statement_timeout: limits.statementMsMax,
      idle_in_transaction_session_timeout: limits.statementMsMax,
      ...plansByIndex,
      ...(options.role === undefined ? {} : { role: options.role }),
      ...parameters,
    },
  });
}
