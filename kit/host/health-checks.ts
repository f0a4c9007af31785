import type { Bus } from '../bus/bus.ts';
import type { Database } from '../db/database.ts';
import { limits } from '../limits.ts';
import type { Server } from '../rpc/server/server.ts';
import type { ServiceParts } from '../service.ts';
import type { Logger } from '../telemetry/log.ts';
import { within } from '../within.ts';

/**
 * Makes the health of a server what its dependencies say: the database, the bus, and what the service names. The answer
 * ends it.
 */
export function watchHealth(
  server: Server,
  parts: ServiceParts,
  { bus, database, log }: { bus: Bus; database: Database; log: Logger },
): () => void {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  const checks = [() => database.check(), () => bus.check(), ...(parts.checks ?? [])];

  async function look(): Promise<void> {
    const results = await Promise.allSettled(
      checks.map((check) => within(limits.healthCheckMs, check())),
    );
    const isServing = results.every((result) => result.status === 'fulfilled');
    if (stopped) return;
    if (isServing !== server.health.isServing) log.info({ isServing }, 'health.changed');
    server.health.set(isServing);
    timer = setTimeout(() => void look(), limits.healthCheckMs);
  }

  void look();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
