import type { TransactionSql } from 'postgres';
import { limits } from '../limits.ts';
import { type Budget, statementMs } from './budget.ts';
import { type Client, ConnectionLost, type Types } from './client.ts';
import { type Pool, sendBefore, sqlThrough } from './pool.ts';
import { together } from './together.ts';

/** A transaction. All statements of one effect, its events and its request record go through the same one. */
export type Tx = TransactionSql<Types>;

/** A statement came after its transaction had ended, with it or because the connection was lost. */
export class TransactionOver extends Error {}

/** A statement failed and the work went on as if it had not: PostgreSQL then commits nothing. */
export class TransactionFailed extends Error {}

/**
 * The connections of transactions may write in nothing else. A transaction begins in the same breath as its first
 * statements go out; were it refused, these would otherwise be done by themselves.
 */
export const writesOnlyInTransactions = { default_transaction_read_only: true } as const;

/** How long a transaction may take, and what it must outlive. */
export interface TransactionSettings {
  /** For the wait for a connection, and for all statements together. */
  budget: Budget;
  /** False when a crash of the server may undo it after the commit: it then does not wait for the disk. */
  isDurable: boolean;
}

/** A statement that goes out together with the commit, in its round trip; `onError` may say better why it failed. */
export interface LastStatement {
  readonly statement: PromiseLike<unknown>;
  readonly onError?: ((error: unknown) => never) | undefined;
}

/** What came of the work, and what is to be written last. */
export interface Worked<Result> {
  readonly result: Result;
  readonly last: readonly LastStatement[];
}

/**
 * Runs `work` in a transaction and commits it. When `work` throws or a statement fails, it is rolled back and the error
 * thrown on. Rejects as soon as the connection is lost, whatever `work` is waiting for; nothing is sent after the loss
 * or the end, or it would be done in the transaction of somebody else or in none. Throws DeadlineTooShort when the budget
 * ends before there is a connection or before a statement; one that is under way then is ended by the server.
 */
export async function inTransaction<Result>(
  pool: Pool,
  settings: TransactionSettings,
  work: (tx: Tx) => Promise<Worked<Result>>,
): Promise<Result> {
  const client = await pool.take(settings.budget);
  try {
    return await transact(client, settings, work);
  } finally {
    client.onLost = () => {};
    pool.giveBack(client);
  }
}

/** A statement gets less time than those before it when so little of that is left: not for each millisecond. */
const renewalShare = 0.9;

async function transact<Result>(
  client: Client,
  settings: TransactionSettings,
  work: (tx: Tx) => Promise<Worked<Result>>,
): Promise<Result> {
  let isOver = false;
  let allowed: ReadonlySet<unknown> = new Set();
  const lost = new Promise<never>((_, reject) => {
    client.onLost = (error) => {
      isOver = true;
      allowed = new Set();
      reject(error);
    };
  });
  lost.catch(() => {});
  let grantedMs = statementMs(settings.budget);
  const tx = sqlThrough<Tx>(client, (statement, toClient) => {
    if (allowed.has(statement)) return toClient(statement);
    if (isOver) return statement.reject(new TransactionOver());
    try {
      const leftMs = statementMs(settings.budget);
      if (leftMs !== undefined && leftMs < (grantedMs ?? limits.statementMsMax) * renewalShare) {
        grantedMs = leftMs;
        sendBefore(client, `set local statement_timeout = ${Math.ceil(leftMs)}`, toClient);
      }
    } catch (error) {
      return statement.reject(error);
    }
    toClient(statement);
  });
  // Not waited for, so it costs no round trip: its answer comes before those of the statements.
  const begun = begin(client, grantedMs, settings.isDurable);
  let worked: Worked<Result>;
  try {
    [worked] = await Promise.race([Promise.all([work(tx), begun]), lost]);
  } catch (error) {
    isOver = true;
    await rollBack(client);
    throw error;
  }
  if (client.isLost) throw new ConnectionLost();
  isOver = true;
  allowed = new Set(worked.last.map(({ statement }) => statement));
  // The driver sends statements in the order of these calls. A commit behind one that failed is a rollback.
  const written = worked.last.map(({ statement, onError }) => statement.then(undefined, onError));
  await Promise.race([together([...written, commit(client)]), lost]);
  return worked.result;
}

/** Is sent by this very call: awaiting it here would let the first statements overtake it. */
function begin(
  client: Client,
  statementMsMax: number | undefined,
  isDurable: boolean,
): Promise<unknown> {
  const statements = ['begin read write'];
  if (statementMsMax !== undefined) {
    statements.push(`set local statement_timeout = ${Math.ceil(statementMsMax)}`);
  }
  if (!isDurable) statements.push('set local synchronous_commit = off');
  return client.sql.unsafe(statements.join('; ')).then(undefined, (error) => {
    client.abandon();
    throw error;
  });
}

async function rollBack(client: Client): Promise<void> {
  if (client.isLost) return;
  await client.sql.unsafe('rollback').catch(() => client.abandon());
}

async function commit(client: Client): Promise<void> {
  const { command } = await client.sql.unsafe('commit');
  if (command !== 'COMMIT') throw new TransactionFailed();
}
