import { create, toBinary } from '@bufbuild/protobuf';
import postgres from 'postgres';
import { afterEach, beforeEach, describe, expect, inject, onTestFinished, test } from 'vitest';
import { EchoRequestSchema } from '#gen/platform/testing/v1/testing_pb.ts';
import { type Bus, connectBus } from '../bus/bus.ts';
import { startConsumer, subscription } from '../bus/consumer.ts';
import { event, type WireEvent } from '../bus/event.ts';
import { uuidv7 } from '../ids.ts';
import { createLogger } from '../telemetry/log.ts';
import { type Proxy, startProxy } from '../testing/proxy.ts';
import { createTestSchema, type TestSchema } from '../testing/schema.ts';
import type { Database, Tx } from './database.ts';
import { createRelay, publish, type Relay } from './outbox.ts';

const service = 'platform.testing';
const log = createLogger(service, { level: 'silent' });
let testing: TestSchema;
let database: Database;
let proxy: Proxy;
/** The bus as a relay reaches it, by a wire that may be cut. */
let bus: Bus;
let relays: Relay[] = [];

beforeEach(async () => {
  testing = await createTestSchema(inject('servers').databaseUrl);
  database = testing.open();
  proxy = await startProxy(inject('servers').natsUrl);
  const namespace = `test_${uuidv7().replaceAll('-', '')}`;
  bus = await connectBus({ url: proxy.url, namespace, name: 'test' });
  await bus.ensureStreams(service);
});
afterEach(async () => {
  proxy.mend();
  await Promise.all(relays.map((relay) => relay.stop()));
  relays = [];
  for (const name of [service, `dead.${service}`]) {
    await bus.manager.streams.delete(bus.streamOf(name));
  }
  await bus.close();
  await proxy.stop();
  await testing.stop();
});

/** A relay on its own connections, as a process has one. */
function startRelay(send = (events: WireEvent[]) => bus.send(events)): Relay {
  const relay = createRelay({ database: testing.open(), send, service, log });
  relays.push(relay);
  return relay;
}

function tell(tx: Tx, ...texts: string[]): void {
  const events = texts.map((text) => event(EchoRequestSchema, text.split(' ')[0]!, { text }));
  publish(database, tx, events);
}

const commit = (...texts: string[]) => database.transaction(async (tx) => tell(tx, ...texts));

async function waiting(): Promise<number> {
  const [row] = await database.sql<{ count: bigint }[]>`select count(*) as count from outbox`;
  return Number(row!.count);
}

/** All that the bus holds, in its order: the texts' first words are the keys. */
async function published(): Promise<string[]> {
  const { manager } = bus;
  const { state } = await manager.streams.info(bus.streamOf(service));
  const texts: string[] = [];
  for (let seq = 1; seq <= state.last_seq; seq += 1) {
    const message = await manager.streams.getMessage(bus.streamOf(service), { seq });
    texts.push(Buffer.from(message!.data).subarray(2).toString());
  }
  return texts;
}

describe('a relay', () => {
  test('publishes what was committed, and nothing that was not', async () => {
    startRelay();
    await expect(
      database.transaction(async (tx) => {
        tell(tx, 'a never');
        throw new Error('changed my mind');
      }),
    ).rejects.toThrow('changed my mind');
    await commit('a 1', 'b 1');
    await commit('a 2');
    await expect.poll(waiting).toBe(0);
    expect(await published()).toEqual(['a 1', 'b 1', 'a 2']);
  });

  test('skips no event of a transaction that stays open while later ones commit', async () => {
    const relay = startRelay();
    const late = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const slow = database.transaction(async (tx) => {
      // Events are written with the commit; this one has its place in the outbox long before.
      const message = create(EchoRequestSchema, { text: 'a early' });
      await tx`insert into outbox (event_id, type, key, payload) values (${uuidv7()},
        ${EchoRequestSchema.typeName}, 'a', ${toBinary(EchoRequestSchema, message)})`;
      begun.resolve();
      await late.promise;
    });
    await begun.promise;
    await commit('b 1');
    await relay.flush();
    expect(await published()).toEqual(['b 1']);
    late.resolve();
    await slow;
    await relay.flush();
    expect(await published()).toEqual(['b 1', 'a early']);
  });

  test('that is to publish what is there does not wait for what others write meanwhile', async () => {
    let written = 0;
    const relay = startRelay(async (events) => {
      await bus.send(events);
      written += 1;
      await commit(`b ${written}`);
    });
    await commit('a 1');
    await relay.flush();
    expect(await published()).toContain('a 1');
  });

  test('that dies after publishing and before it notes so publishes nothing twice', async () => {
    // As the superuser: nobody else sees what other sessions do.
    const admin = postgres(testing.url, { max: 1 });
    onTestFinished(() => admin.end());
    let deaths = 0;
    const relay = startRelay(async (events) => {
      await bus.send(events);
      deaths += 1;
      if (deaths > 3) return;
      await admin`
        select pg_terminate_backend(pid, 5000) from pg_stat_activity
        where datname = current_database() and xact_start is not null
          and pid <> pg_backend_pid()`;
    });
    await commit('a 1', 'a 2');
    await expect.poll(waiting, { timeout: 10_000 }).toBe(0);
    await commit('a 3');
    await relay.flush();
    expect(deaths).toBeGreaterThan(3);
    expect(await published()).toEqual(['a 1', 'a 2', 'a 3']);
  });

  test('that publishes again after the bus has forgotten it is heard once all the same', async () => {
    await database.sql`create table heard (text text not null)`;
    const consumer = await startConsumer({
      bus,
      database,
      service,
      log,
      subscription: subscription({
        name: 'texts',
        schema: EchoRequestSchema,
        async handle(events, tx) {
          for (const { message } of events) await tx`insert into heard values (${message.text})`;
        },
      }),
    });
    /** As the bus is long after the first time: it takes the same event for a new one. */
    let isFirst = true;
    const relay = startRelay(async (events) => {
      await bus.send(events);
      if (!isFirst) return;
      isFirst = false;
      // Sent behind the events: when the bus takes it for a new one, it has forgotten those as well.
      const probe = () =>
        bus.js.publish(bus.subject(`${service}.v1.Probe`), '', { msgID: 'probe' });
      await probe();
      await bus.manager.streams.purge(bus.streamOf(service), { keep: 0 });
      const { config } = await bus.manager.streams.info(bus.streamOf(service));
      await bus.manager.streams.update(config.name, { ...config, duplicate_window: 100_000_000 });
      await expect.poll(async () => (await probe()).duplicate, { timeout: 10_000 }).toBe(false);
      throw new Error('died before the note');
    });
    await commit('a 1', 'a 2');
    await expect.poll(waiting, { timeout: 10_000 }).toBe(0);
    await relay.flush();
    await expect.poll(() => consumer.pending(), { timeout: 10_000 }).toBe(0);
    await consumer.stop();
    const heard = await database.sql<{ text: string }[]>`select text from heard order by text`;
    expect(heard.map(({ text }) => text)).toEqual(['a 1', 'a 2']);
  });

  test.each(['cut', 'hush'] as const)(
    'keeps events while the bus is away (%s), and publishes each once when it is back',
    async (how) => {
      let failures = 0;
      startRelay((events) =>
        bus.send(events).catch((error) => {
          failures += 1;
          throw error;
        }),
      );
      await commit('a 1');
      await expect.poll(waiting).toBe(0);
      proxy[how]();
      for (let i = 2; i <= 20; i += 1) await commit(`a ${i}`);
      // The client waits a while for the bus to come back.
      await expect.poll(() => failures, { timeout: 20_000 }).toBeGreaterThan(0);
      expect(await waiting()).toBe(19);
      proxy.mend();
      await expect.poll(waiting, { timeout: 30_000 }).toBe(0);
      expect(await published()).toEqual(Array.from({ length: 20 }, (_, i) => `a ${i + 1}`));
    },
  );
});

test('two relays publish each event once, those of one thing in order', async () => {
  let sent = 0;
  for (let i = 0; i < 2; i += 1) {
    startRelay(async (events) => {
      sent += events.length;
      await bus.send(events);
    });
  }
  const keys = ['a', 'b', 'c', 'd'];
  const each = 50;
  await Promise.all(
    keys.map(async (key) => {
      for (let i = 0; i < each; i += 1) await commit(`${key} ${i}`);
    }),
  );
  await expect.poll(waiting, { timeout: 10_000 }).toBe(0);
  expect(sent).toBe(keys.length * each);
  const all = await published();
  for (const key of keys) {
    const own = all.filter((text) => text.startsWith(key));
    expect(own).toEqual(Array.from({ length: each }, (_, i) => `${key} ${i}`));
  }
});
