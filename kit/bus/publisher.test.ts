import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { uuidv7 } from '../ids.ts';
import { detached } from '../scope.ts';
import { type Bus, connectBus, toHeaders } from './bus.ts';
import type { WireEvent } from './event.ts';
import { createPublisher, PublishFailed } from './publisher.ts';

const namespace = `publisher_${process.pid}`;
let bus: Bus;

beforeAll(async () => {
  bus = await connectBus({ url: inject('servers').natsUrl, namespace, name: 'publisher' });
  await bus.ensureStreams('test.shop');
});
afterAll(async () => {
  await bus.manager.streams.delete(bus.streamOf('test.shop'));
  await bus.manager.streams.delete(bus.streamOf('dead.test.shop'));
  await bus.close();
});

function eventOf(type: string, id = uuidv7()): WireEvent {
  const payload = Buffer.from('payload');
  return { id, type, key: 'key', payload, traceparent: undefined, createdAt: Date.now() };
}

async function stored(): Promise<number> {
  const { state } = await bus.manager.streams.info(bus.streamOf('test.shop'));
  return state.messages;
}

test('many events are held when it resolves, and each once however often it is sent', async () => {
  const before = await stored();
  const events = Array.from({ length: 500 }, () => eventOf('test.shop.v1.Opened'));
  await Promise.all([bus.send(events.slice(0, 300)), bus.send(events.slice(200))]);
  expect((await stored()) - before).toBe(500);
  await bus.send(events);
  expect((await stored()) - before).toBe(500);
});

test('an event that no stream holds is refused, and those beside it do not hide that', async () => {
  const events = [eventOf('test.shop.v1.Opened'), eventOf('test.nobody.v1.Opened')];
  await expect(bus.send(events)).rejects.toThrow(PublishFailed);
  await expect(bus.send([eventOf('test.shop.v1.Opened')])).resolves.toBeUndefined();
});

test('what a lost connection leaves open is refused at once', async () => {
  const own = await connectBus({ url: inject('servers').natsUrl, namespace, name: 'lost' });
  // A subject that somebody hears and nobody acknowledges.
  const subject = `${namespace}.nothing.answers`;
  let heard = () => {};
  const arrived = new Promise<void>((resolve) => {
    heard = resolve;
  });
  bus.nats.subscribe(subject, { callback: () => heard() });
  await bus.nats.flush();
  const publisher = createPublisher(own.nats, 60_000);
  const headers = toHeaders(eventOf('test.nothing.v1.Answers'));
  const publishing = publisher.publish([{ subject, payload: Buffer.from('x'), headers }]);
  const outcome = publishing.catch((error: unknown) => error);
  await arrived;
  await own.nats.reconnect();
  expect(await Promise.race([outcome, pause(20_000)])).toBeInstanceOf(PublishFailed);
  await own.close();
});

test('nobody waits for an acknowledgement longer than the budget of the scope lasts', async () => {
  const subject = `${namespace}.nothing.answers`;
  const subscription = bus.nats.subscribe(subject, { callback: () => {} });
  const patient = createPublisher(bus.nats, 3_600_000);
  const payload = Buffer.from('payload');
  const headers = toHeaders(eventOf('test.shop.v1.Opened'));
  const publishing = detached({ timeoutMs: 50 }, () =>
    patient.publish([{ subject, payload, headers }]),
  );
  await expect(publishing).rejects.toThrow(PublishFailed);
  patient.close();
  subscription.unsubscribe();
});
