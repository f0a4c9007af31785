/** One service of this process: begun piece by piece, and ended in the reverse order. */
import type { DescService } from '@bufbuild/protobuf';
import type { Bus } from '../bus/bus.ts';
import { type Consumer, startConsumer } from '../bus/consumer.ts';
import { countDeadLetters } from '../bus/dead-letters.ts';
import { createCache } from '../cache/cache.ts';
import type { SharedRedis } from '../cache/redis.ts';
import { createDatabase, type Database } from '../db/database.ts';
import { migrate } from '../db/migrate.ts';
import { createRelay } from '../db/outbox.ts';
import type { Caller } from '../identity/caller.ts';
import type { RevocationFeed, RevocationList } from '../identity/revocations.ts';
import { limits } from '../limits.ts';
import type { RateLimiter } from '../load/rate-limit.ts';
import { SessionRevoked } from '../mesh-errors.ts';
import type { Channel } from '../rpc/client/channel.ts';
import { createClient } from '../rpc/client/client.ts';
import type { Engine, Listener } from '../rpc/engine.ts';
import { engineLimits } from '../rpc/engine-limits.ts';
import type { LoadGauge } from '../rpc/server/interceptors/load-shedding.ts';
import { createServer, type Server } from '../rpc/server/server.ts';
import {
  type EdgeParts,
  type ServiceDeps,
  type ServiceModule,
  type ServiceParts,
  schemaOf,
} from '../service.ts';
import { createLogger, type Logger } from '../telemetry/log.ts';
import { observeService } from '../telemetry/service-gauges.ts';
import { vaultMigrations } from '../vault/data-keys.ts';
import { watchHealth } from './health-checks.ts';
import { startJob } from './jobs.ts';
import { createOpsHandlers } from './ops.ts';
import { busyOf, queuesOf } from './queues.ts';
import type { Surroundings } from './surroundings.ts';

/** One service that runs in this process. */
export interface RunningService {
  readonly name: string;
  readonly server: Server;
  readonly database: Database;
  /** Where it listens. */
  readonly address: string;
  /** What is still to be done, by name and amount; empty when idle. */
  busy(): Promise<Record<string, number>>;
  /** Pushes on what would otherwise wait for its next turn: outbox and jobs. */
  advance(): Promise<void>;
}

/** A running service as its host sees it, which first drains all of its services and then stops them. */
export interface StartedService extends RunningService {
  drain(): Promise<void>;
  stop(): Promise<void>;
}

/** What the services of one process share. */
export interface Shared {
  gauge: LoadGauge;
  bus: Bus;
  redis: SharedRedis;
  rateLimiter: RateLimiter;
  revoked?: RevocationFeed;
}

/** Starts a service. Rejects, with all that had begun ended again, when a part of it cannot start. */
export async function startService(
  module: ServiceModule,
  around: Surroundings,
  shared: Shared,
): Promise<StartedService> {
  const level = around.logLevel;
  const log = createLogger(module.name, { level, destination: around.logDestination });
  const ends: End[] = [];
  try {
    const started = await beginService(module, around, { ...shared, log, ends });
    return { ...started, stop: () => endAll(ends, log) };
  } catch (error) {
    await endAll(ends, log);
    throw error;
  }
}

/** What ends something that has begun. */
type End = () => unknown;

/** Ends everything, the last begun first; one that cannot be ended does not keep the others. */
async function endAll(ends: readonly End[], log: Logger): Promise<void> {
  for (const end of ends.toReversed()) {
    try {
      await end();
    } catch (error) {
      log.warn({ error }, 'host.end_failed');
    }
  }
}

interface Context extends Shared {
  log: Logger;
  /** How each thing that has begun ends, in the order in which they began. */
  ends: End[];
}

async function beginService(
  module: ServiceModule,
  around: Surroundings,
  context: Context,
): Promise<Omit<StartedService, 'stop'>> {
  const { name } = module;
  const { bus, revoked, log, ends } = context;
  const database = await openDatabase(module, around);
  ends.push(() => database.close());
  await bus.ensureStreams(name);
  const channels: Channel[] = [];
  ends.push(() => {
    for (const channel of channels) channel.close();
  });
  const relay = createRelay({ database, send: (events) => bus.send(events), service: name, log });
  ends.push(() => relay.stop());
  // What could not be published now is in the outbox and will be after the next start.
  ends.push(() => relay.flush().catch((error) => log.warn({ error }, 'outbox.left')));

  const parts = await module.create(depsOf({ name, database, channels }, around, context));
  ends.push(() => parts.stop?.());
  const consumers: Consumer[] = [];
  const server = serverOf({ name, database, parts, consumers }, around, context);
  ends.push(endRevokedStreams(server, around.revocations));
  const { address } = await listen(server, parts, around);
  ends.push(() => server.close());
  ends.push(() => Promise.all(consumers.map((consumer) => consumer.stop())));
  for (const subscription of parts.subscriptions ?? []) {
    consumers.push(await startConsumer({ bus, database, service: name, subscription, log }));
  }
  const jobs = (parts.jobs ?? []).map((job) => startJob(job, log));
  ends.push(() => Promise.all(jobs.map((job) => job.stop())));
  const stopChecks = watchHealth(server, parts, { bus, database, log });
  const queues = queuesOf({ database, consumers, jobs, parts, revoked });
  const deadLetters = () => countDeadLetters(bus, name);
  const stopMetrics = observeService({ service: name, server, database, queues, deadLetters });

  return {
    name,
    server,
    database,
    address,
    busy: () => busyOf(queues),
    async advance() {
      await relay.flush();
      for (const job of jobs) await job.drain();
    },
    async drain() {
      stopChecks();
      stopMetrics();
      await server.drain();
    },
  };
}

/** The service's own schema, brought to its latest migration, as the role that sees nothing else. */
async function openDatabase(module: ServiceModule, around: Surroundings): Promise<Database> {
  const schema = schemaOf(module.name);
  const own = { url: around.databaseUrl, schema, role: schema };
  await migrate({ ...own, folders: migrationsOf(module) });
  const connectionsMax = around.databaseConnections ?? limits.databaseConnectionsMax;
  return createDatabase({ ...own, connectionsMax });
}

function migrationsOf({ usesVault = false, migrations }: ServiceModule): URL[] {
  return [
    ...(usesVault ? [vaultMigrations] : []),
    ...(migrations === undefined ? [] : [migrations]),
  ];
}

/** What the service is wired with. The channels of its clients are added to `channels`, for somebody has to close them. */
function depsOf(
  { name, database, channels }: { name: string; database: Database; channels: Channel[] },
  around: Surroundings,
  { bus, redis, log }: Context,
): ServiceDeps {
  return {
    name,
    database,
    bus,
    redis: redis.get,
    cache: async () =>
      createCache(await redis.get(), [around.namespace, name].filter(Boolean).join(':')),
    clock: around.clock,
    log,
    settings: around.settings(name),
    client(service, target, options) {
      const channel = around.channel(name, target);
      channels.push(channel);
      const serviceToken = () => around.serviceToken(name);
      return createClient(service, channel, { ...options, serviceToken });
    },
  };
}

/** `consumers` may be empty still: operations look at them when they are asked. */
function serverOf(
  of: { name: string; database: Database; parts: ServiceParts; consumers: Consumer[] },
  around: Surroundings,
  { bus, gauge, rateLimiter, log }: Context,
): Server {
  const { name, database, parts, consumers } = of;
  return createServer({
    name,
    implementations: [
      ...parts.implementations,
      // The door serves what is public, and this is not: it would be listed there and refused.
      ...(parts.edge ? [] : [createOpsHandlers({ bus, database, service: name, consumers })]),
    ],
    identity: around.identity,
    rateLimiter: parts.edge?.rateLimiter ?? rateLimiter,
    trustedProxies: around.trustedProxies,
    auditSealer: around.auditSealer,
    load: gauge,
    log,
    interceptors: parts.interceptors,
    isEdge: parts.edge !== undefined,
  });
}

async function listen(
  server: Server,
  parts: ServiceParts,
  around: Surroundings,
): Promise<Listener> {
  const services = parts.implementations.map(({ service }) => service);
  const engine = parts.edge ? await edgeEngine(services, parts.edge) : around.engine;
  const tls = parts.edge ? around.publicTls : around.tls?.(server.name);
  return server.listen(around.listenAddress(server.name), engine, { ...engineLimits, tls });
}

/** Loaded only by the process that is the door: connect-node takes 30 MB. */
async function edgeEngine(services: readonly DescService[], edge: EdgeParts): Promise<Engine> {
  const { createEdgeEngine } = await import('../edge/engine.ts');
  return createEdgeEngine(services, edge);
}

/** A stream was let in once; whoever is signed out meanwhile must not go on reading it. */
function endRevokedStreams(server: Server, revocations: RevocationList | undefined): () => void {
  if (revocations === undefined) return () => {};
  const isOver = ({ user }: Caller) => user !== undefined && revocations.isRevoked(user);
  return revocations.onRevoked(() => server.endStreams(isOver, new SessionRevoked()));
}
