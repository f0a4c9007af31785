import type { TransactionSql } from 'postgres';
import { type Client, ConnectionLost, type Types } from './client.ts';
import { type Pool, sqlThrough } from './pool.ts';

/** A transaction. All statements of one effect, its events and its request record go through the same one. */
export type Tx = TransactionSql<Types>;

/** A statement came after its transaction had ended, with it or because the connection was lost. */
export class TransactionOver extends Error {}

/** A statement failed and the work went on as if it had not: PostgreSQL then commits nothing. */
export class TransactionFailed extends Error {}

/**
 * Runs `work` in a transaction and commits it. When `work` throws, it is rolled back and the error thrown on. Rejects as
 * soon as the connection is lost, whatever `work` is waiting for; nothing is sent after the loss or the end, or it would
 * be done in the transaction of somebody else or in none.
 */
export async function inTransaction<Result>(
  pool: Pool,
  work: (tx: Tx) => Promise<Result>,
): Promise<Result> {
  const client = await pool.take();
  try {
    return await transact(client, work);
  } finally {
    client.onLost = () => {};
    pool.giveBack(client);
  }
}

async function transact<Result>(
  client: Client,
  work: (tx: Tx) => Promise<Result>,
): Promise<Result> {
  let isOver = false;
  const lost = new Promise<never>((_, reject) => {
    client.onLost = (error) => {
      isOver = true;
      reject(error);
    };
  });
  lost.catch(() => {});
  const tx = sqlThrough<Tx>(client, (statement, toClient) => {
    if (isOver) statement.reject(new TransactionOver());
    else toClient(statement);
  });
  await client.sql.unsafe('begin');
  let result: Result;
  try {
    result = await Promise.race([work(tx), lost]);
  } catch (error) {
    isOver = true;
    await rollBack(client);
    throw error;
  }
  isOver = true;
  await commit(client);
  return result;
}

async function rollBack(client: Client): Promise<void> {
  if (client.isLost) return;
  await client.sql.unsafe('rollback').catch(() => client.abandon());
}

async function commit(client: Client): Promise<void> {
  if (client.isLost) throw new ConnectionLost();
  const { command } = await client.sql.unsafe('commit');
  if (command !== 'COMMIT') throw new TransactionFailed();
}
