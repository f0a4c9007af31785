import type { Sql } from 'postgres';
import { onTestFinished } from 'vitest';
import { armDebugPoint } from '../debug.ts';

/** Somebody who waits at a debug point. */
export interface Hold {
  /** Resolves when the first one has come there. */
  readonly reached: Promise<void>;
  /** Lets all who wait go on, and disarms the place. */
  letGo(): void;
}

/** Lets whoever reaches a debug point wait there until the test lets go; with `count`, only the first ones. */
export function holdAt(point: string, count = Number.POSITIVE_INFINITY): Hold {
  const open = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  let left = count;
  const disarm = armDebugPoint(point, () => {
    left -= 1;
    if (left < 0) return;
    reached.resolve();
    return open.promise;
  });
  const letGo = () => {
    disarm();
    open.resolve();
  };
  onTestFinished(letGo);
  return { reached: reached.promise, letGo };
}

/**
 * Lets no statement end that wrote such rows, until let go: for statements that are a transaction of their own and have
 * no place for a debug point. A trigger of theirs waits for a lock, which PostgreSQL counts (`countWaiting`). `when` says
 * of which rows, by `new` and, for an update, `old`. `sql` is a superuser's, on the database of the statements.
 */
export async function holdWrites(
  sql: Sql,
  { table, on, when = 'true' }: { table: string; on: 'insert' | 'update'; when?: string },
): Promise<() => Promise<void>> {
  const name = `${table}_held`;
  const session = await sql.reserve();
  await session`select pg_advisory_lock(${writesLock})`;
  await sql.unsafe(`
    create function ${name}() returns trigger language plpgsql as $$
    begin perform pg_advisory_xact_lock_shared(${writesLock}); return null; end $$;
    create trigger held after ${on} on ${table} for each row when (${when})
      execute function ${name}()`);
  const letGo = async () => {
    await session`select pg_advisory_unlock(${writesLock})`;
    session.release();
    await sql.unsafe(`drop function ${name} cascade`);
  };
  let going: Promise<void> | undefined;
  const letGoOnce = () => {
    going ??= letGo();
    return going;
  };
  onTestFinished(letGoOnce);
  return letGoOnce;
}

const writesLock = 1;
