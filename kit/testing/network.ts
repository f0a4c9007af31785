/**
 * A mesh inside the test's own process, on real PostgreSQL, NATS and Redis: a database of its own for each test file,
 * services on free ports, tokens for any person, and `settle` instead of sleeping.
 */
import { generateKeyPairSync, type KeyPairKeyObjectResult, randomBytes } from 'node:crypto';
import type { DescService } from '@bufbuild/protobuf';
import type { JSONWebKeySet } from 'jose';
import postgres from 'postgres';
import { createEntrySealer } from '../audit/made-entry.ts';
import { connectBus } from '../bus/bus.ts';
import { createTestClock } from '../clock.ts';
import { type Host, startHost } from '../host/host.ts';
import { createWays } from '../host/placement.ts';
import type { RunningService } from '../host/running-service.ts';
import { createAccessTokenVerifier } from '../identity/access-token.ts';
import { loadKeysFrom } from '../identity/key-source.ts';
import { createRevocations } from '../identity/revocations.ts';
import { createServiceTokenVerifier, signServiceToken } from '../identity/service-token.ts';
import { createIdentityVerifier } from '../identity/verifier.ts';
import type { Channel } from '../rpc/client/channel.ts';
import { type Client, createClient } from '../rpc/client/client.ts';
import { grpcJsEngine } from '../rpc/grpc-js/engine.ts';
import type { ServiceModule } from '../service.ts';
import type { LogDestination } from '../telemetry/log.ts';
import { createPeople, type People } from './people.ts';
import { startWire, type Wire } from './proxy.ts';

/** The servers that a network uses, the services it starts, and how they reach each other. */
export interface NetworkOptions {
  databaseUrl: string;
  natsUrl: string;
  redisUrl: string;
  modules: readonly ServiceModule[];
  /** `wire`: gRPC between all services. `direct`: calls within the process, as in placement single. */
  transport?: 'wire' | 'direct';
  /** By service name. */
  settings?: Record<string, Record<string, string>>;
  logLevel?: string;
  /** Where log lines go; standard output when absent. */
  logDestination?: LogDestination;
  /**
   * The service of this network that issues access tokens, when there is one: its tokens count, here and in networks
   * that join this one, beside those of people who were made up.
   */
  issuer?: string;
  /** Services that are reached by a wire which the test may cut, see `wireTo`. */
  wiresTo?: readonly string[];
  /**
   * A network whose database, bus, clock and people this one shares: it is to the other what a second process of the
   * same mesh is. Stop it first.
   */
  joins?: Network;
}

export type { Person } from './people.ts';

/** A mesh that runs in this process, and all that a test does with it from outside. */
export interface Network {
  readonly clock: ReturnType<typeof createTestClock>;
  service(name: string): RunningService;
  /** A client of a service: as a person, as another service, or as nobody. */
  client<Service extends DescService>(
    service: Service,
    target: string,
    as?: { service?: string },
  ): Client<Service>;
  /** The wire by which a service of `wiresTo` is reached, by clients and by the other services of this network. */
  wireTo(service: string): Wire;
  /** Makes up a signed-in person. */
  person: People['create'];
  readonly databaseUrl: string;
  /** SQL as the superuser, on the database of this network. */
  readonly sql: postgres.Sql;
  /**
   * Resolves when every outbox is empty, every consumer idle and every job done. Fails by naming what is still busy
   * after `timeoutMs`.
   */
  settle(options?: { timeoutMs?: number }): Promise<void>;
  stop(): Promise<void>;
}

/** What the services of every network seal their audit entries under. */
export const auditSecret = 'the audit secret of a mesh within a test';

const settleMsMax = 20_000;
const tokenMs = 3_600_000;

/** What networks that joined each other have in common. */
interface Ground {
  name: string;
  databaseUrl: string;
  sql: postgres.Sql;
  clock: ReturnType<typeof createTestClock>;
  serviceKeys: KeyPairKeyObjectResult;
  people: People;
  /** The keys of the issuer, once a network has one. */
  issuedKeys?: () => Promise<JSONWebKeySet>;
  remove(): Promise<void>;
}

const grounds = new WeakMap<Network, Ground>();

async function createGround(options: NetworkOptions): Promise<Ground> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  const admin = postgres(options.databaseUrl, { max: 1, onnotice: () => {} });
  await admin.unsafe(`create database ${name}`);
  const databaseUrl = withDatabase(options.databaseUrl, name);
  const sql = postgres(databaseUrl, { max: 2, onnotice: () => {} });
  return {
    name,
    databaseUrl,
    sql,
    clock: createTestClock(),
    serviceKeys: generateKeyPairSync('ed25519'),
    // Longer than any test moves its clock.
    people: await createPeople('test', '100y'),
    async remove() {
      await removeStreams(options.natsUrl, name);
      await sql.end({ timeout: 5 });
      await admin.unsafe(`drop database ${name} with (force)`);
      await admin.end({ timeout: 5 });
    },
  };
}

/** The server keeps its streams from run to run: those of tests that are over would only slow its start. */
async function removeStreams(natsUrl: string, namespace: string): Promise<void> {
  const bus = await connectBus({ url: natsUrl, namespace, name: 'cleanup' });
  for await (const stream of bus.manager.streams.names()) {
    if (stream.startsWith(`${namespace}_`)) await bus.manager.streams.delete(stream);
  }
  await bus.close();
}

/**
 * Makes a database and starts the services on free ports, in the order given. `stop` removes the database and the
 * streams again, unless the network joined another one. Logs are silent unless LOG_LEVEL or `logLevel` says otherwise.
 */
export async function createNetwork(options: NetworkOptions): Promise<Network> {
  const shared = options.joins && grounds.get(options.joins);
  const ground = shared ?? (await createGround(options));
  const { name, databaseUrl, sql, clock, serviceKeys, people } = ground;
  const channels: Channel[] = [];
  let host: Host | undefined;

  const running = (service: string): RunningService => {
    const found = host?.services.get(service);
    if (found === undefined) throw new Error(`${service} is not part of this network`);
    return found;
  };
  const wires = new Map<string, Wire>();
  for (const name of options.wiresTo ?? []) {
    wires.set(name, await startWire(() => running(name).address));
  }
  const serviceToken = (service: string) =>
    signServiceToken(service, Date.now() + tokenMs, serviceKeys.privateKey);

  const channel = createWays({
    transport: options.transport ?? 'wire',
    engine: grpcJsEngine,
    addressesOf: (target) => [(wires.get(target) ?? running(target)).address],
    dispatcherOf: (target) => running(target).server.dispatcher,
  });

  if (options.issuer !== undefined) {
    const way = channel(undefined, options.issuer);
    channels.push(way);
    ground.issuedKeys ??= () => loadKeysFrom(way);
  }
  const loadKeys = async () => {
    const issued = await ground.issuedKeys?.();
    return { keys: [people.key, ...(issued?.keys ?? [])] };
  };
  const revocations = createRevocations(clock.now);
  const identity = createIdentityVerifier({
    serviceTokens: createServiceTokenVerifier(
      serviceKeys.publicKey.export({ type: 'spki', format: 'pem' }) as string,
    ),
    accessTokens: createAccessTokenVerifier({ loadKeys, revocations, now: clock.now }),
  });
  host = await startHost(options.modules, {
    databaseUrl,
    natsUrl: options.natsUrl,
    redisUrl: options.redisUrl,
    namespace: name,
    engine: grpcJsEngine,
    clock,
    logLevel: options.logLevel ?? process.env.LOG_LEVEL ?? 'silent',
    identity,
    revocations,
    serviceToken,
    channel,
    listenAddress: () => '127.0.0.1:0',
    settings: (service) => options.settings?.[service] ?? {},
    auditSealer: createEntrySealer(auditSecret),
    logDestination: options.logDestination,
  });
  const services = [...host.services.values()];

  const network: Network = {
    clock,
    databaseUrl,
    sql,
    service: running,
    wireTo(service) {
      const wire = wires.get(service);
      if (wire === undefined) throw new Error(`${service} is not among wiresTo`);
      return wire;
    },
    person: people.create,
    client(service, target, as = {}) {
      const made = channel(as.service, target);
      channels.push(made);
      const token = as.service === undefined ? undefined : serviceToken(as.service);
      return createClient(service, made, { serviceToken: () => token });
    },
    settle: ({ timeoutMs = settleMsMax } = {}) => settle(services, timeoutMs),
    async stop() {
      for (const made of channels) made.close();
      await host.stop();
      await Promise.all([...wires.values()].map((wire) => wire.stop()));
      if (shared === undefined) await ground.remove();
    },
  };
  grounds.set(network, ground);
  return network;
}

function withDatabase(url: string, database: string): string {
  const out = new URL(url);
  out.pathname = `/${database}`;
  return out.toString();
}

/** Two looks in a row must find nothing: what one service finished may be the start of another's work. */
async function settle(services: readonly RunningService[], timeoutMs: number): Promise<void> {
  const until = Date.now() + timeoutMs;
  let quiet = 0;
  while (quiet < 2) {
    await Promise.all(services.map((service) => service.advance()));
    const busy: string[] = [];
    for (const service of services) {
      for (const [what, count] of Object.entries(await service.busy())) {
        busy.push(`${service.name} ${what}: ${count}`);
      }
    }
    quiet = busy.length === 0 ? quiet + 1 : 0;
    if (Date.now() > until) throw new Error(`still busy after ${timeoutMs} ms: ${busy.join(', ')}`);
  }
}
