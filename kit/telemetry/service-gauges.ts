import type { Gauge } from 'prom-client';
import type { Database } from '../db/database.ts';
import { limits } from '../limits.ts';
import type { Server } from '../rpc/server/server.ts';
import { detached } from '../scope.ts';
import { within } from '../within.ts';
import {
  beforeScrape,
  databaseConnections,
  databaseWaiting,
  deadLettersWaiting,
  outboxWaiting,
  queueWaiting,
  serverInFlight,
} from './metrics.ts';

/** A service of this process, as its gauges see it. */
export interface Observed {
  service: string;
  server: Pick<Server, 'inFlight'>;
  database: Pick<Database, 'sql' | 'pools'>;
  queues: Queues;
  /** Rejects when it cannot find out. */
  deadLetters: () => Promise<number>;
}

/** How much waits, by queue: the names are given by the code. Each rejects when it cannot find out. */
export type Queues = Readonly<Record<string, () => Promise<number>>>;

/**
 * Looks at a service before each scrape, at all of its queues at once. What cannot be found out, because the database or
 * the bus is away, is left out of that scrape, for the last value would look like the present one. The answer ends it.
 */
export function observeService(of: Observed): () => void {
  const { service, server, database, queues, deadLetters } = of;

  async function look(): Promise<void> {
    serverInFlight.set({ service, kind: 'call' }, server.inFlight.call);
    serverInFlight.set({ service, kind: 'stream' }, server.inFlight.stream);
    for (const [use, { open, inUse, waiting }] of Object.entries(database.pools())) {
      databaseConnections.set({ service, use, state: 'in_use' }, inUse);
      databaseConnections.set({ service, use, state: 'idle' }, open - inUse);
      databaseWaiting.set({ service, use }, waiting);
    }
    await Promise.all([
      show(outboxWaiting, { service }, () => outboxAge(of)),
      show(deadLettersWaiting, { service }, deadLetters),
      ...Object.entries(queues).map(([queue, count]) =>
        show(queueWaiting, { service, queue }, count),
      ),
    ]);
  }

  const stop = beforeScrape(look);
  return () => {
    stop();
    outboxWaiting.remove({ service });
    deadLettersWaiting.remove({ service });
    for (const queue of Object.keys(queues)) queueWaiting.remove({ service, queue });
    for (const kind of ['call', 'stream']) serverInFlight.remove({ service, kind });
    for (const use of Object.keys(database.pools())) {
      for (const state of ['in_use', 'idle']) databaseConnections.remove({ service, use, state });
      databaseWaiting.remove({ service, use });
    }
  };
}

async function show<Label extends string>(
  gauge: Gauge<Label>,
  labels: Record<Label, string>,
  find: () => Promise<number>,
): Promise<void> {
  try {
    const scope = { timeoutMs: limits.scrapeLookMsMax };
    gauge.set(labels, await within(limits.scrapeLookMsMax, detached(scope, find)));
  } catch {
    gauge.remove(labels);
  }
}

async function outboxAge({ database }: Observed): Promise<number> {
  const [oldest] = await database.sql<{ seconds: number }[]>`
    select coalesce(extract(epoch from clock_timestamp() - min(created_at)), 0)::float8 as seconds
    from outbox`;
  return Math.max(0, oldest!.seconds);
}
