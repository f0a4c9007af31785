/** Hosts services in this process: what they share, and the order in which they start and stop. */
import { auditService } from '../audit/entries.ts';
import { type Bus, connectBus } from '../bus/bus.ts';
import { shareRedis } from '../cache/redis.ts';
import { followRevocations, type RevocationFeed } from '../identity/revocations.ts';
import { createLocalRateLimiter } from '../load/rate-limit.ts';
import { createLoadGauge } from '../rpc/server/interceptors/load-shedding.ts';
import type { ServiceModule } from '../service.ts';
import { createLogger } from '../telemetry/log.ts';
import {
  type RunningService,
  type Shared,
  type StartedService,
  startService,
} from './running-service.ts';
import type { Surroundings } from './surroundings.ts';

/** What this process hosts, from the start on until it is stopped. */
export interface Host {
  readonly services: ReadonlyMap<string, RunningService>;
  /** Finishes what is in hand and stops, in the order that loses nothing. */
  stop(): Promise<void>;
}

/**
 * Starts services in the order given. Each gets its schema migrated, its own database role, streams, server, consumers
 * and jobs; it turns healthy when all that it depends on answers. Rejects, with everything stopped again, when one
 * cannot start.
 */
export async function startHost(
  modules: readonly ServiceModule[],
  around: Surroundings,
): Promise<Host> {
  const gauge = createLoadGauge();
  const bus = await connectBus({
    url: around.natsUrl,
    namespace: around.namespace,
    name: modules.map(({ name }) => name).join(' '),
  });
  const redis = shareRedis(around.redisUrl, modules.map(({ name }) => name).join(' '));
  const shared: Shared = { gauge, bus, redis, rateLimiter: createLocalRateLimiter() };
  const started: StartedService[] = [];

  async function stop(): Promise<void> {
    await Promise.all(started.map((service) => service.drain()));
    for (const service of started.toReversed()) await service.stop();
    await shared.revoked?.stop();
    await redis.close();
    await bus.close();
    gauge.stop();
  }

  try {
    shared.revoked = await follow(around, bus);
    // Every service publishes there, also before the one that keeps the log has ever been started.
    await bus.ensureStreams(auditService);
    for (const module of modules) started.push(await startService(module, around, shared));
  } catch (error) {
    await stop();
    throw error;
  }
  return { services: new Map(started.map((service) => [service.name, service])), stop };
}

/** Before the first service listens: what was revoked while this process was away must be known by then. */
async function follow(
  { revocations, logLevel: level, logDestination: destination }: Surroundings,
  bus: Bus,
): Promise<RevocationFeed | undefined> {
  if (revocations === undefined) return undefined;
  const log = createLogger('host', { level, destination });
  return followRevocations({ bus, revocations, log });
}
