/**
 * Transactions over postgres.js. Its own `begin` goes on when the connection of a transaction is lost: what comes next is
 * written to no socket, which ends the process (porsager/postgres#1154, #1208), or, once the pool has used the
 * connection anew, into somebody else's transaction or outside of any. Here nothing is sent after the loss or the end.
 *
 * What is used of the driver beyond its documentation: `onexecute`, by which `begin` itself gets hold of its connection,
 * the `handler` of a query, and `reserved` and `onclose` of a connection. transaction.test.ts shows that they hold.
 */
import type { Sql, TransactionSql } from 'postgres';
import { assert } from '../errors.ts';
import { isTransient } from './errors.ts';

/** A statement came after its transaction had ended, with it or because the connection was lost. */
export class TransactionOver extends Error {}

/** A statement failed and the work went on as if it had not: PostgreSQL then commits nothing. */
export class TransactionFailed extends Error {}

interface DriverQuery extends PromiseLike<{ command: string }> {
  handler?: (query: DriverQuery) => void;
  reject(error: unknown): void;
}

interface DriverConnection {
  /** Sends a query, or keeps it when others are under way; false when it can take no more for now. */
  execute(query: DriverQuery): boolean;
  /** Called when all that was sent is answered; a connection that has it belongs to nobody else. */
  reserved: (() => void) | null;
  /** Called once when the connection is lost. */
  onclose: ((error: Error) => void) | null;
}

/** One transaction's hold of a connection. */
interface Line {
  tx: unknown;
  /** Rejects when the connection is lost. */
  lost: Promise<never>;
  begin(): Promise<void>;
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

/**
 * Runs `work` in a transaction and commits it. When `work` throws, it is rolled back and the error thrown on. Rejects as
 * soon as the connection is lost, whatever `work` is waiting for. `sql` must be a pool of transactions alone: on a
 * connection that others write to as well, the driver may not say which one it took.
 */
export async function inTransaction<Types extends Record<string, unknown>, Result>(
  sql: Sql<Types>,
  work: (tx: TransactionSql<Types>) => Promise<Result>,
): Promise<Result> {
  const line = await beginLine(sql);
  let result: Result;
  try {
    result = await Promise.race([work(line.tx as TransactionSql<Types>), line.lost]);
  } catch (error) {
    await line.rollback();
    throw error;
  }
  await line.commit();
  return result;
}

/**
 * Begins, once more where that fails for want of a server: nothing was done yet, and the driver reports the loss of a
 * connection also to the first query after it.
 */
async function beginLine<Types extends Record<string, unknown>>(sql: Sql<Types>): Promise<Line> {
  const line = openLine(sql);
  try {
    await line.begin();
    return line;
  } catch (error) {
    if (!isTransient(error)) throw error;
  }
  const another = openLine(sql);
  await another.begin();
  return another;
}

function openLine<Types extends Record<string, unknown>>(sql: Sql<Types>): Line {
  let connection: DriverConnection | undefined;
  let waiting: DriverQuery[] = [];
  let isFull = true;
  let isLost = false;
  let isOver = false;
  let reportLoss: (error: Error) => void = () => {};
  const lost = new Promise<never>((_, reject) => {
    reportLoss = reject;
  });
  lost.catch(() => {});

  /** The pool leaves a connection alone whose query has an `onexecute` that answers nothing. */
  function take(taken: DriverConnection): void {
    connection = taken;
    taken.reserved = sendWaiting;
    taken.onclose = lose;
  }

  function lose(error: Error): void {
    isLost = true;
    end(error);
    reportLoss(error);
  }

  function end(error: Error): void {
    isOver = true;
    const late = waiting;
    waiting = [];
    for (const query of late) query.reject(error);
  }

  function send(query: DriverQuery): void {
    if (isLost) query.reject(new TransactionOver());
    else if (isFull) waiting.push(query);
    else isFull = !connection!.execute(query);
  }

  function sendWaiting(): void {
    isFull = false;
    while (!isFull && waiting.length > 0) isFull = !connection!.execute(waiting.shift()!);
  }

  /** Puts a query, which the pool would send anywhere, on this line. Parts of queries pass through. */
  function adopt(query: DriverQuery): DriverQuery {
    if (query.handler !== undefined) {
      query.handler = (ready) => (isOver ? ready.reject(new TransactionOver()) : send(ready));
    }
    return query;
  }

  /** Sends the statement that ends the transaction: the last on this line. */
  async function finish(statement: 'commit' | 'rollback'): Promise<string> {
    end(new TransactionOver());
    const query = sql.unsafe(statement) as unknown as DriverQuery;
    query.handler = send;
    return (await query).command;
  }

  const call = sql as unknown as (...args: unknown[]) => DriverQuery;
  const unsafe = sql.unsafe as unknown as (...args: unknown[]) => DriverQuery;
  return {
    lost,
    tx: Object.assign((...args: unknown[]) => adopt(call(...args)), {
      json: sql.json,
      array: sql.array,
      types: sql.types,
      typed: sql.typed,
      unsafe: (...args: unknown[]) => adopt(unsafe(...args)),
    }),
    async begin() {
      await sql.unsafe('begin', [], { onexecute: take } as object);
      assert(connection !== undefined, 'a transaction knows its connection');
    },
    async commit() {
      if ((await finish('commit')) !== 'COMMIT') throw new TransactionFailed();
    },
    async rollback() {
      // Without an answer the connection is lost, and the transaction with it.
      await finish('rollback').catch(() => {});
    },
  };
}
