import { DiscardPolicy, StorageType } from '@nats-io/jetstream';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { uuidv7 } from '../ids.ts';
import { limits } from '../limits.ts';
import { type Bus, connectBus } from './bus.ts';

const service = 'test.shop';
const dead = `dead.${service}`;
const msOf = (nanos: number) => nanos / 1_000_000;
let bus: Bus;

beforeAll(async () => {
  bus = await connectBus({
    url: inject('servers').natsUrl,
    namespace: `bus_${uuidv7().replaceAll('-', '')}`,
    name: 'bus',
  });
});
afterAll(async () => {
  for (const name of [service, dead]) await bus.manager.streams.delete(bus.streamOf(name));
  await bus.close();
});

const infoOf = (name: string) => bus.manager.streams.info(bus.streamOf(name));

test('streams of an older release get the present settings and keep what they hold', async () => {
  for (const name of [service, dead]) {
    await bus.manager.streams.add({
      name: bus.streamOf(name),
      subjects: [bus.subject(`${name}.>`)],
      storage: StorageType.File,
      max_age: 3_600_000 * 1_000_000,
      discard: DiscardPolicy.Old,
    });
    await bus.js.publish(bus.subject(`${name}.v1.Opened`), 'kept');
  }
  await bus.ensureStreams(service);

  const letters = await infoOf(dead);
  expect(letters.config).toMatchObject({
    max_age: 0,
    max_msgs: limits.deadLettersMax,
    discard: DiscardPolicy.New,
  });
  expect(letters.state.messages).toBe(1);
  const events = await infoOf(service);
  expect(events.config).toMatchObject({ max_msgs: -1, max_bytes: -1, discard: DiscardPolicy.Old });
  expect(msOf(events.config.max_age)).toBe(limits.eventAgeMsMax);
  expect(events.state.messages).toBe(1);
});

test('streams that are made anew have the same settings, and a service may keep its events for less', async () => {
  const before = [(await infoOf(service)).config, (await infoOf(dead)).config];
  for (const name of [service, dead]) await bus.manager.streams.delete(bus.streamOf(name));
  await bus.ensureStreams(service);
  expect([(await infoOf(service)).config, (await infoOf(dead)).config]).toEqual(before);
  await bus.ensureStreams(service, { ageMsMax: 600_000 });
  expect(msOf((await infoOf(service)).config.max_age)).toBe(600_000);
  expect((await infoOf(dead)).config).toEqual(before[1]);
});
