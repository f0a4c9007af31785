import type { Evidence } from './evidence.ts';
import { Overdue, until } from './patience.ts';
import type { Stage } from './system.ts';

/** Resolves when nothing is left to be done anywhere. Throws Overdue, which says what still is. */
export async function settle(stage: Stage, evidence: Evidence, timeoutMs: number): Promise<void> {
  let busy: string[] = [];
  try {
    await until('everything settles', timeoutMs, async () => {
      busy = await findBusy(stage, evidence);
      return busy.length === 0;
    });
  } catch (error) {
    if (!(error instanceof Overdue)) throw error;
    throw new Overdue(`${error.message}; still busy: ${busy.join(', ')}`);
  }
}

async function findBusy(stage: Stage, evidence: Evidence): Promise<string[]> {
  const { sql, bus } = evidence;
  const counts = await stage.findBusy(evidence);
  const outboxes = await sql<{ schema: string }[]>`
    select table_schema as schema from information_schema.tables where table_name = 'outbox'`;
  for (const { schema } of outboxes) {
    counts.push(await count(`outbox of ${schema}`, sql`select from ${sql(schema)}.outbox`));
  }
  for await (const stream of bus.manager.streams.list()) {
    for await (const consumer of bus.manager.consumers.list(stream.config.name)) {
      const waiting = consumer.num_pending + consumer.num_ack_pending;
      counts.push([`consumer ${consumer.name}`, waiting]);
    }
  }
  return counts.filter(([, found]) => found > 0).map(([what, found]) => `${what} (${found})`);
}

/** How many rows there are of what is not done yet. */
export async function count(
  what: string,
  rows: PromiseLike<readonly unknown[]>,
): Promise<[string, number]> {
  return [what, (await rows).length];
}
