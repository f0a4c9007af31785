import type { Sql } from 'postgres';
import { expect, onTestFinished } from 'vitest';
import { armDebugPoint } from '../debug.ts';

/** Transactions that are in the middle of their work at the same time. */
export interface Meeting {
  /** Resolves when so many have come: they wait at a debug point, or for a lock of somebody who does. */
  joined(count: number): Promise<void>;
  /** Lets go on who came first of those who wait at a point; when nobody does, who comes next. */
  letOneGo(): void;
  /** Lets all go on, and disarms the points. */
  letAllGo(): void;
}

/** How many connections of this database wait for a lock of another one. */
export async function countWaiting(sql: Sql): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*)::integer as count from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`;
  return row!.count;
}

/** Longer than a busy machine takes, shorter than a statement may wait for its lock. */
export const joinMsMax = 8_000;

/**
 * Makes transactions meet at debug points that they pass before they commit. A lock that keeps them apart keeps the later
 * one from its point, and PostgreSQL says so; without the lock it comes there as well. Either way the two have met, so the
 * test fails by what they did and not by waiting. `sql` is a superuser's, on the database of the transactions.
 */
export function meetAt(points: readonly string[], sql: Sql): Meeting {
  const gates: PromiseWithResolvers<void>[] = [];
  let arrived = 0;
  let gone = 0;
  const gate = (i: number) => {
    gates[i] ??= Promise.withResolvers<void>();
    return gates[i];
  };
  const disarms = points.map((point) =>
    armDebugPoint(point, () => {
      arrived += 1;
      return gate(arrived - 1).promise;
    }),
  );
  function letAllGo(): void {
    for (const disarm of disarms) disarm();
    while (gone < Math.max(arrived, gates.length)) letOneGo();
  }
  function letOneGo(): void {
    gate(gone).resolve();
    gone += 1;
  }
  onTestFinished(letAllGo);
  return {
    async joined(count) {
      await expect
        .poll(async () => arrived - gone + (await countWaiting(sql)), { timeout: joinMsMax })
        .toBeGreaterThanOrEqual(count);
    },
    letOneGo,
    letAllGo,
  };
}

/**
 * Two transactions that meet at a debug point, begun and committed in this order: the first has its answer before the
 * second goes on, so what the second decided by something stale is written over what the first wrote.
 */
export async function meetInTurn(
  { point, sql }: { point: string; sql: Sql },
  first: () => Promise<unknown>,
  second: () => Promise<unknown>,
): Promise<[PromiseSettledResult<unknown>, PromiseSettledResult<unknown>]> {
  const meeting = meetAt([point], sql);
  const one = Promise.allSettled([first()]);
  await meeting.joined(1);
  const two = Promise.allSettled([second()]);
  await meeting.joined(2);
  meeting.letOneGo();
  const [firstResult] = await one;
  meeting.letAllGo();
  const [secondResult] = await two;
  return [firstResult, secondResult];
}

/**
 * Many calls at once, spread by `call` over two processes, each of which makes one transaction at a time: the first of
 * either meet at a debug point before any of them commits. Answers how each call ended, in order.
 */
export async function meetInCrowd<Result>(
  { point, sql }: { point: string; sql: Sql },
  count: number,
  call: (i: number) => Promise<Result>,
): Promise<PromiseSettledResult<Result>[]> {
  const meeting = meetAt([point], sql);
  const calls = Promise.allSettled(Array.from({ length: count }, (_, i) => call(i)));
  await meeting.joined(2);
  meeting.letAllGo();
  return calls;
}
