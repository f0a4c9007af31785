import { create, toBinary } from '@bufbuild/protobuf';
import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  inject,
  onTestFinished,
  test,
} from 'vitest';
import { EchoRequestSchema } from '#gen/platform/testing/v1/testing_pb.ts';
import { createDatabase, type Database, type Tx } from '../db/database.ts';
import { RpcError } from '../errors.ts';
import { uuidv7 } from '../ids.ts';
import { limits } from '../limits.ts';
import { createLogger } from '../telemetry/log.ts';
import { freePort } from '../testing/port.ts';
import { createTestSchema, type TestSchema } from '../testing/schema.ts';
import { type Bus, connectBus } from './bus.ts';
import { type Consumer, startConsumer, subscription } from './consumer.ts';
import { countDeadLetters, readDeadLetters } from './dead-letters.ts';
import { type IncomingEvent, PoisonEvent } from './event.ts';

const service = 'testing.listener';
const publisher = 'platform.testing';
let testing: TestSchema;
let database: Database;
let bus: Bus;
let consumer: Consumer;
/** A database that nobody serves. */
let away: Database;
/** What the handler does beside noting the texts that it was told. */
let react: (events: IncomingEvent<typeof EchoRequestSchema>[], tx: Tx) => void | Promise<void>;

beforeAll(async () => {
  testing = await createTestSchema(inject('servers').databaseUrl);
  database = testing.open();
  away = createDatabase({ url: `postgres://127.0.0.1:${await freePort()}/away`, schema: 'away' });
  await database.sql`create table heard (text text not null)`;
  const namespace = `test_${uuidv7().replaceAll('-', '')}`;
  bus = await connectBus({ url: inject('servers').natsUrl, namespace, name: 'test' });
  await bus.ensureStreams(service);
  consumer = await start();
});
beforeEach(async () => {
  react = (events) => {
    if (events.some(({ message }) => message.text === 'poison')) throw new PoisonEvent();
  };
  await database.sql`delete from heard`;
});
afterAll(async () => {
  await consumer.stop();
  const streams = [publisher, service, `dead.${publisher}`, `dead.${service}`];
  for (const name of streams) await bus.manager.streams.delete(bus.streamOf(name));
  await bus.close();
  await away.close();
  await testing.stop();
});

function start(): Promise<Consumer> {
  return startConsumer({
    bus,
    database,
    service,
    log: createLogger(service, { level: 'silent' }),
    subscription: subscription({
      name: 'texts',
      schema: EchoRequestSchema,
      concerns: ({ text }) => text !== 'small talk',
      async handle(events, tx) {
        for (const { message } of events) await tx`insert into heard values (${message.text})`;
        await react(events, tx);
      },
    }),
  });
}

function eventOf(text: string, id = uuidv7()) {
  const payload = toBinary(EchoRequestSchema, create(EchoRequestSchema, { text }));
  const type = EchoRequestSchema.typeName;
  return { id, type, key: 'key', payload, traceparent: undefined, createdAt: Date.now() };
}

async function heard(): Promise<string[]> {
  const rows = await database.sql<{ text: string }[]>`select text from heard`;
  return rows.map(({ text }) => text).sort();
}

/** The pauses between deliveries add up to more than a minute: for one test they are over at once. */
function redeliverAtOnce(): void {
  const pauses = limits.redeliveryBackoffMs as unknown as number[];
  const own = pauses.splice(0, pauses.length, 1);
  onTestFinished(() => {
    pauses.splice(0, pauses.length, ...own);
  });
}

async function deadLetterOf(id: string) {
  const letters = await readDeadLetters(bus, service, 0, 100);
  return letters.find(({ event }) => event.id === id);
}

/** Resolves when all that the stream holds is done. Of what came just now the server may not have told its consumer. */
const idle = () => expect.poll(behind, { timeout: 10_000 }).toEqual({ pending: 0, unseen: 0 });

async function behind() {
  const stream = bus.streamOf(publisher);
  const [{ state }, [info], pending] = await Promise.all([
    bus.manager.streams.info(stream),
    bus.manager.consumers.list(stream).next(),
    consumer.pending(),
  ]);
  return { pending, unseen: state.last_seq - info!.ack_floor.stream_seq };
}

describe('a consumer', () => {
  test('does an event once, however often it comes', async () => {
    const id = uuidv7();
    await bus.send([eventOf('a', id), eventOf('b')]);
    await idle();
    // Past the bus's own memory of message ids.
    for (let i = 0; i < 3; i += 1) await consumer.replay(eventOf('a', id));
    expect(await heard()).toEqual(['a', 'b']);
  });

  test('acknowledges what does not concern it, and keeps no record of it', async () => {
    const [talk, news] = [eventOf('small talk'), eventOf('news')];
    await bus.send([talk, news]);
    await idle();
    expect(await heard()).toEqual(['news']);
    expect(await countDeadLetters(bus, service)).toBe(0);
    const taken = await database.sql<{ event_id: string }[]>`
      select event_id from inbox where event_id in ${database.sql([talk.id, news.id])}`;
    expect(taken).toEqual([{ event_id: news.id }]);
  });

  test('does again what failed, as a whole', async () => {
    let failures = 2;
    react = () => {
      failures -= 1;
      if (failures >= 0) throw new Error('not yet');
    };
    await bus.send([eventOf('a')]);
    await idle();
    expect(await heard()).toEqual(['a']);
  });

  test('puts poison aside at once, and does all that came with it', async () => {
    const unreadable = { ...eventOf(''), payload: new Uint8Array([10, 200]) };
    const nameless = eventOf('nameless', 'no-uuid');
    const poison = eventOf('poison');
    await bus.send([eventOf('a'), poison, unreadable, nameless, eventOf('b')]);
    await idle();
    expect(await heard()).toEqual(['a', 'b']);
    expect(await countDeadLetters(bus, service)).toBe(3);
    const letters = await readDeadLetters(bus, service, 0, 10);
    expect(letters.map(({ event }) => event.id)).toEqual([poison.id, unreadable.id, 'no-uuid']);
    expect(letters[0]).toMatchObject({ consumer: 'texts', attempts: 1, failure: 'PoisonEvent' });
  });

  test('is made anew when the server has lost it, and goes on where it was', async () => {
    await bus.send([eventOf('before')]);
    await idle();
    const [info] = await bus.manager.consumers.list(bus.streamOf(publisher)).next();
    await bus.manager.consumers.delete(bus.streamOf(publisher), info!.name);
    await bus.send([eventOf('after')]);
    await expect.poll(heard, { timeout: 10_000 }).toEqual(['after', 'before']);
  });

  test('that stops gives back at once what it has not begun', async () => {
    const open = Promise.withResolvers<void>();
    let begun = 0;
    react = () => {
      begun += 1;
      return open.promise;
    };
    await bus.send([eventOf('first')]);
    await expect.poll(() => begun).toBe(1);
    await bus.send([eventOf('second')]);
    const waiting = async () => {
      const [info] = await bus.manager.consumers.list(bus.streamOf(publisher)).next();
      return info!.num_ack_pending;
    };
    await expect.poll(waiting).toBe(2);
    const stopping = consumer.stop();
    open.resolve();
    await stopping;
    consumer = await start();
    await expect.poll(heard, { timeout: 5_000 }).toEqual(['first', 'second']);
  });

  test('puts aside what fails limits.deliveriesMax times, and nothing that fails less often', async () => {
    redeliverAtOnce();
    let tries = 0;
    react = (events) => {
      tries += 1;
      const isLast = tries === limits.deliveriesMax;
      if (!isLast || events[0]!.message.text === 'never') throw new TypeError('a secret');
    };
    const [never, late] = [eventOf('never'), eventOf('late')];
    for (const event of [never, late]) {
      tries = 0;
      await bus.send([event]);
      await idle();
      expect(tries).toBe(limits.deliveriesMax);
    }
    expect(await heard()).toEqual(['late']);
    expect(await deadLetterOf(never.id)).toMatchObject({
      consumer: 'texts',
      attempts: limits.deliveriesMax,
      failure: 'TypeError',
    });
    expect(await deadLetterOf(late.id)).toBeUndefined();
  });

  test.each([
    ['the database', () => away.sql`select 1`],
    [
      'another service',
      () => Promise.reject(new RpcError('unavailable', 'the service has no address')),
    ],
  ])('puts nothing aside because %s is away, for however long', async (_, ask) => {
    redeliverAtOnce();
    let tries = 0;
    react = async () => {
      tries += 1;
      if (tries <= 2 * limits.deliveriesMax) await ask();
    };
    const event = eventOf('patience');
    await bus.send([event]);
    await idle();
    expect(await heard()).toEqual(['patience']);
    expect(await deadLetterOf(event.id)).toBeUndefined();
  });

  test('keeps an event that the dead letters have no room for, until they have', async () => {
    redeliverAtOnce();
    const stream = bus.streamOf(`dead.${service}`);
    // A stream as it is, but full.
    const { state, config } = await bus.manager.streams.info(stream);
    expect(config.max_msgs).toBe(limits.deadLettersMax);
    await bus.manager.streams.update(stream, { max_msgs: Math.max(1, state.messages) });
    if (state.messages === 0) await bus.send([{ ...eventOf('filler'), type: `dead.${service}.x` }]);
    const oldest = (await readDeadLetters(bus, service, 0, 1))[0]!.event.id;
    const poison = eventOf('poison');
    let tries = 0;
    react = () => {
      tries += 1;
      throw new PoisonEvent();
    };
    await bus.send([poison]);
    await expect.poll(() => tries, { timeout: 10_000 }).toBeGreaterThan(3);
    expect(await consumer.pending()).toBe(1);
    expect(await deadLetterOf(poison.id)).toBeUndefined();
    expect((await readDeadLetters(bus, service, 0, 1))[0]!.event.id).toBe(oldest);

    await bus.ensureStreams(service);
    await idle();
    expect(await deadLetterOf(poison.id)).toMatchObject({ consumer: 'texts' });
    expect(await deadLetterOf(oldest)).toBeDefined();
  });
});
