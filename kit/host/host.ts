/** Hosts services in this process: their databases, servers, relays, consumers and jobs, from start to drain. */
import type { DescService } from '@bufbuild/protobuf';
import { type Bus, connectBus } from '../bus/bus.ts';
import { type Consumer, startConsumer } from '../bus/consumer.ts';
import { countDeadLetters } from '../bus/dead-letters.ts';
import { createCache } from '../cache/cache.ts';
import { type SharedRedis, shareRedis } from '../cache/redis.ts';
import type { Clock } from '../clock.ts';
import { createDatabase, type Database } from '../db/database.ts';
import { migrate } from '../db/migrate.ts';
import { createRelay } from '../db/outbox.ts';
import type { Caller } from '../identity/caller.ts';
import {
  followRevocations,
  type RevocationFeed,
  type RevocationList,
} from '../identity/revocations.ts';
import type { TlsSource } from '../identity/tls-files.ts';
import type { IdentityVerifier } from '../identity/verifier.ts';
import { limits } from '../limits.ts';
import { createLocalRateLimiter, type RateLimiter } from '../load/rate-limit.ts';
import { SessionRevoked } from '../mesh-errors.ts';
import type { Channel } from '../rpc/channel.ts';
import { createClient } from '../rpc/client.ts';
import type { Engine } from '../rpc/engine.ts';
import { engineLimits } from '../rpc/engine-limits.ts';
import { createLoadGauge, type LoadGauge } from '../rpc/interceptors/load-shedding.ts';
import { createServer, type Server } from '../rpc/server.ts';
import type { TrustedProxies } from '../rpc/trusted-proxies.ts';
import {
  type EdgeParts,
  type ServiceDeps,
  type ServiceModule,
  type ServiceParts,
  schemaOf,
} from '../service.ts';
import { createLogger, type LogDestination, type Logger } from '../telemetry/log.ts';
import { observeService, type Queues } from '../telemetry/service-gauges.ts';
import { watchHealth } from './health-checks.ts';
import { type RunningJob, startJob } from './jobs.ts';
import { createOpsHandlers } from './ops.ts';

/** What surrounds the services of one process. */
export interface Surroundings {
  databaseUrl: string;
  /** Connections that each service holds at most; limits.databaseConnectionsMax when absent. */
  databaseConnections?: number;
  natsUrl: string;
  redisUrl: string;
  /** Separates meshes on one NATS and Redis; may be empty. */
  namespace: string;
  engine: Engine;
  clock: Clock;
  logLevel: string;
  identity: IdentityVerifier;
  /** The sessions that `identity` refuses; kept up to date from the bus, and their streams ended. */
  revocations?: RevocationList;
  /** The token by which a service of this process says who it is. */
  serviceToken(service: string): string | undefined;
  /** The way from one service to another. */
  channel(caller: string, target: string): Channel;
  /** Where a service listens: "127.0.0.1:7301". */
  listenAddress(service: string): string;
  settings(service: string): Record<string, string>;
  /** The certificate with which a service listens; plaintext when absent. */
  tls?: ((service: string) => TlsSource) | undefined;
  /** The one of the public door, which asks nobody for theirs; plaintext when absent. */
  publicTls?: TlsSource | undefined;
  /** Whoever says truly for whom it asks; nobody when absent. */
  trustedProxies?: TrustedProxies | undefined;
  /** Where log lines go; standard output when absent. */
  logDestination?: LogDestination;
}

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
    for (const module of modules) started.push(await startService(module, around, shared));
  } catch (error) {
    await stop();
    throw error;
  }
  return { services: new Map(started.map((service) => [service.name, service])), stop };
}

interface Shared {
  gauge: LoadGauge;
  bus: Bus;
  redis: SharedRedis;
  rateLimiter: RateLimiter;
  revoked?: RevocationFeed;
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

interface StartedService extends RunningService {
  drain(): Promise<void>;
  stop(): Promise<void>;
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

async function startService(
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

/** Begins one thing after the other, and notes in `ends` how each ends. */
async function beginService(
  module: ServiceModule,
  around: Surroundings,
  { gauge, bus, redis, rateLimiter, revoked, log, ends }: Shared & { log: Logger; ends: End[] },
): Promise<Omit<StartedService, 'stop'>> {
  const { name } = module;
  const schema = schemaOf(name);
  await migrate({
    url: around.databaseUrl,
    schema,
    role: schema,
    folders: module.migrations === undefined ? [] : [module.migrations],
  });
  const database = createDatabase({
    url: around.databaseUrl,
    schema,
    role: schema,
    connectionsMax: around.databaseConnections ?? limits.databaseConnectionsMax,
  });
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

  const client: ServiceDeps['client'] = (service, target, options) => {
    const channel = around.channel(name, target);
    channels.push(channel);
    return createClient(service, channel, {
      ...options,
      serviceToken: () => around.serviceToken(name),
    });
  };

  const parts = await module.create({
    name,
    database,
    bus,
    redis: redis.get,
    cache: async () =>
      createCache(await redis.get(), [around.namespace, name].filter(Boolean).join(':')),
    clock: around.clock,
    log,
    settings: around.settings(name),
    client,
  });
  ends.push(() => parts.stop?.());
  const consumers: Consumer[] = [];
  const server = createServer({
    name,
    implementations: [
      ...parts.implementations,
      createOpsHandlers({ bus, database, service: name, consumers }),
    ],
    identity: around.identity,
    rateLimiter: parts.edge?.rateLimiter ?? rateLimiter,
    trustedProxies: around.trustedProxies,
    load: gauge,
    log,
    interceptors: parts.interceptors,
    isEdge: parts.edge !== undefined,
  });
  ends.push(endRevokedStreams(server, around.revocations));
  const services = parts.implementations.map(({ service }) => service);
  const engine = parts.edge ? await edgeEngine(services, parts.edge) : around.engine;
  const tls = parts.edge ? around.publicTls : around.tls?.(name);
  const address = around.listenAddress(name);
  const listener = await server.listen(address, engine, { ...engineLimits, tls });
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
    address: listener.address,
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

/** Loaded only by the process that is the door: connect-node takes 30 MB. */
async function edgeEngine(services: readonly DescService[], edge: EdgeParts): Promise<Engine> {
  const { createEdgeEngine } = await import('../edge/engine.ts');
  return createEdgeEngine(services, edge);
}

/** How much waits, by what for: the names are those of the code. */
function queuesOf(of: {
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

async function busyOf(queues: Queues): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const [queue, count] of Object.entries(queues)) {
    const waiting = await count();
    if (waiting > 0) found[queue] = waiting;
  }
  return found;
}

/** A stream was let in once; whoever is signed out meanwhile must not go on reading it. */
function endRevokedStreams(server: Server, revocations: RevocationList | undefined): () => void {
  if (revocations === undefined) return () => {};
  const isOver = ({ user }: Caller) => user !== undefined && revocations.isRevoked(user);
  return revocations.onRevoked(() => server.endStreams(isOver, new SessionRevoked()));
}
