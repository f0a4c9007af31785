/** The queues of a service: all that it has still to do. */
import type { Consumer } from '../bus/consumer.ts';
import type { Database } from '../db/database.ts';
import type { RevocationFeed } from '../identity/revocations.ts';
import type { ServiceParts } from '../service.ts';
import type { Queues } from '../telemetry/service-gauges.ts';
import type { RunningJob } from './jobs.ts';

/** Every queue by its name, which the code gives it, and how to count what waits in it. */
export function queuesOf(of: {
  database: Database;
  consumers: Consumer[];
  jobs: RunningJob[];
  parts: ServiceParts;
  revoked: RevocationFeed | undefined;
}): Queues {
  const outbox = async () => {
    const [row] = await of.database.sql<{ count: bigint }[]>`select count(*) as count from outbox`;
    return Number(row!.count);
  };
  return {
    outbox,
    ...Object.fromEntries(of.consumers.map((each) => [`consumer ${each.name}`, each.pending])),
    ...Object.fromEntries(
      of.jobs.flatMap(({ job }) => (job.pending ? [[`job ${job.name}`, job.pending]] : [])),
    ),
    'work in hand': async () => of.parts.busy?.() ?? 0,
    revocations: async () => (await of.revoked?.pending()) ?? 0,
  };
}

/** The queues in which something waits, and how much; empty when the service is idle. */
export async function busyOf(queues: Queues): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const [queue, count] of Object.entries(queues)) {
    const waiting = await count();
    if (waiting > 0) found[queue] = waiting;
  }
  return found;
}
