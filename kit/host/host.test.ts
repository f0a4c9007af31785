import { createServer } from 'node:net';
import { fromBinary } from '@bufbuild/protobuf';
import postgres from 'postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { EchoRequestSchema, EchoService } from '#gen/platform/testing/v1/testing_pb.ts';
import { type Bus, connectBus } from '../bus/bus.ts';
import { subscription } from '../bus/consumer.ts';
import { event } from '../bus/event.ts';
import { systemClock } from '../clock.ts';
import { publish } from '../db/outbox.ts';
import { uuidv7 } from '../ids.ts';
import { createClient } from '../rpc/client/client.ts';
import { grpcJsEngine } from '../rpc/grpc-js/engine.ts';
import { implement } from '../rpc/server/handlers.ts';
import type { ServiceModule, ServiceParts } from '../service.ts';
import { echoHandlers } from '../testing/echo.ts';
import { freePort } from '../testing/port.ts';
import { createTestSchema, type TestSchema } from '../testing/schema.ts';
import { type Host, startHost } from './host.ts';
import { createWays } from './placement.ts';
import type { Surroundings } from './surroundings.ts';

const names = ['platform.testing', 'testing.second', 'testing.third'];
let testing: TestSchema;
/** As the superuser, who sees all sessions. */
let admin: postgres.Sql;
let bus: Bus;
let ports: Map<string, number>;
/** What happened, in order. */
let log: string[];

beforeAll(async () => {
  testing = await createTestSchema(inject('servers').databaseUrl);
  admin = postgres(testing.url, { max: 1, onnotice: () => {} });
  const namespace = `test_${uuidv7().replaceAll('-', '')}`;
  bus = await connectBus({ url: inject('servers').natsUrl, namespace, name: 'test' });
});
beforeEach(async () => {
  ports = new Map();
  for (const name of names) ports.set(name, await freePort());
  log = [];
});
afterAll(async () => {
  for (const name of names.flatMap((each) => [each, `dead.${each}`])) {
    await bus.manager.streams.delete(bus.streamOf(name)).catch(() => {});
  }
  await bus.close();
  await admin.end();
  await testing.stop();
});

const addressOf = (name: string) => `127.0.0.1:${ports.get(name)}`;

function start(modules: readonly ServiceModule[]): Promise<Host> {
  const around: Surroundings = {
    databaseUrl: testing.url,
    natsUrl: inject('servers').natsUrl,
    redisUrl: inject('servers').redisUrl,
    namespace: bus.namespace,
    engine: grpcJsEngine,
    clock: systemClock,
    logLevel: 'silent',
    identity: { service: (_, token) => token, user: () => undefined as never },
    serviceToken: (service) => service,
    channel: () => {
      throw new Error('nobody calls here');
    },
    listenAddress: addressOf,
    settings: () => ({}),
  };
  return startHost(modules, around);
}

/** A service that notes its end. */
function moduleOf(name: string, parts: Partial<ServiceParts> = {}): ServiceModule {
  return {
    name,
    create: () => ({
      implementations: [implement(EchoService, echoHandlers())],
      jobs: [
        {
          name: `${name}.job`,
          everyMs: 10,
          async run() {
            if (log.at(-1) !== `${name} works`) log.push(`${name} works`);
            return 0;
          },
        },
      ],
      async stop() {
        log.push(`${name} stopped`);
      },
      ...parts,
    }),
  };
}

/** Sessions of the services, which are known by their schemas. */
async function sessions(): Promise<number> {
  const [row] = await admin`
    select count(*)::integer as count from pg_stat_activity
    where datname = current_database() and application_name = any(${names.map((n) => n.replace('.', '_'))})`;
  return row!.count;
}

function isListening(name: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(true));
    probe.listen(ports.get(name), '127.0.0.1', () => probe.close(() => resolve(false)));
  });
}

describe('a host of which one service cannot start', () => {
  const failures: Record<string, (name: string) => ServiceModule> = {
    'is not made': (name) => ({
      name,
      create() {
        throw new Error('cannot start');
      },
    }),
    'finds its address taken': (name) => {
      ports.set(name, ports.get(names[0]!)!);
      return moduleOf(name);
    },
    'cannot hear its events': (name) =>
      moduleOf(name, {
        subscriptions: [
          subscription({
            name: 'a name that no consumer may have',
            schema: EchoRequestSchema,
            handle: async () => {},
          }),
        ],
      }),
  };

  test.each(Object.keys(failures))('because it %s stops all of them again', async (what) => {
    const bad = failures[what]!(names[1]!);
    await expect(start([moduleOf(names[0]!), bad, moduleOf(names[2]!)])).rejects.toThrow();
    expect(log).toContain(`${names[0]} stopped`);
    expect(log).not.toContain(`${names[2]} works`);
    for (const name of names) expect(await isListening(name), name).toBe(false);
    await expect.poll(sessions, { timeout: 5_000 }).toBe(0);
    const { length } = log;
    await expect(start([moduleOf(names[1]!)]).then((host) => host.stop())).resolves.not.toThrow();
    expect(log.slice(length)).not.toContain(`${names[0]} works`);
  });
});

describe('a host that stops', () => {
  test('finishes what is in hand, and what that publishes reaches the bus', async () => {
    const name = names[0]!;
    const inHand = Promise.withResolvers<void>();
    const mayEnd = Promise.withResolvers<void>();
    const module: ServiceModule = {
      name,
      create({ database }) {
        const say = (text: string) =>
          database.transaction(async (tx) => {
            publish(database, tx, [event(EchoRequestSchema, 'key', { text })]);
          });
        const handlers = echoHandlers({
          async echo({ text }) {
            inHand.resolve();
            await mayEnd.promise;
            await say(text);
            return { text };
          },
        });
        return {
          implementations: [implement(EchoService, handlers)],
          stop: () => say('farewell'),
        };
      },
    };
    const host = await start([module]);
    const way = createWays({
      transport: 'wire',
      engine: grpcJsEngine,
      addressesOf: (target) => [addressOf(target)],
      dispatcherOf: () => undefined,
    });
    const channel = way(undefined, name);
    const client = createClient(EchoService, channel);
    const call = client.echo({ text: 'last words' });
    await inHand.promise;
    const stopping = host.stop();
    await expect(refusedOrAway(client)).resolves.toBe('unavailable');
    mayEnd.resolve();
    expect(await call).toMatchObject({ text: 'last words' });
    await stopping;
    expect(await published(name)).toEqual(['last words', 'farewell']);
    expect(await isListening(name)).toBe(false);
    await expect.poll(sessions, { timeout: 5_000 }).toBe(0);
    channel.close();
  });

  async function published(service: string): Promise<string[]> {
    const stream = bus.streamOf(service);
    const { state } = await bus.manager.streams.info(stream);
    const texts: string[] = [];
    for (let seq = state.first_seq; seq <= state.last_seq; seq += 1) {
      const message = await bus.manager.streams.getMessage(stream, { seq });
      texts.push(fromBinary(EchoRequestSchema, message!.data).text);
    }
    return texts;
  }

  /** New calls are not taken while it drains; the first ones may still come before it has begun to. */
  async function refusedOrAway(client: ReturnType<typeof createClient<typeof EchoService>>) {
    for (;;) {
      try {
        await client.echoMany({ count: 1 })[Symbol.asyncIterator]().next();
      } catch (error) {
        return (error as { code: string }).code;
      }
    }
  }

  test('stops its services in the reverse order of their start, each with its jobs before it', async () => {
    const host = await start(names.map((name) => moduleOf(name)));
    await expect.poll(() => names.every((name) => log.includes(`${name} works`))).toBe(true);
    await host.stop();
    const ends = log.filter((line) => line.endsWith('stopped'));
    expect(ends).toEqual(names.toReversed().map((name) => `${name} stopped`));
    for (const name of names) {
      const after = log.slice(log.indexOf(`${name} stopped`));
      expect(after).not.toContain(`${name} works`);
    }
    await expect.poll(sessions, { timeout: 5_000 }).toBe(0);
  });
});
