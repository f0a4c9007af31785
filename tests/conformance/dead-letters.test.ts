/** Events that were given up are shown to staff alone, and what they hold to nobody, in no answer and no log. */
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { OpsService } from '#gen/platform/ops/v1/ops_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Network } from '#kit/testing/network.ts';
import {
  openBus,
  orderChanged,
  orderOf,
  personOf,
  SHIPPED,
} from '#services/platform/notification/testing.ts';
import { startNetwork } from '#services/testing.ts';
import { jsonOf, refusalTexts } from '../support/secrecy.ts';

const service = 'platform.notification';
const canary = 'canary-of-a-letter';
const lines: string[] = [];
let network: Network;
let bus: Awaited<ReturnType<typeof openBus>>;

beforeAll(async () => {
  network = await startNetwork([service, 'platform.gateway'], {
    logLevel: 'trace',
    logDestination: { write: (line) => lines.push(line) },
  });
  bus = await openBus(network, inject('servers').natsUrl);
});
afterAll(async () => {
  await bus.close();
  await network.stop();
});

/** An event that nobody can read: a text of ten thousand bytes that has a few. */
function unreadable() {
  const payload = Buffer.concat([Buffer.from([10, 0x90, 0x4e]), Buffer.from(canary)]);
  return { ...orderChanged(orderOf(uuidv7(), SHIPPED)), payload };
}

const wrote = (what: string) => lines.some((line) => line.includes(what));

test('staff see which events were given up and why, not what they hold', async () => {
  const { headers } = await network.person({ roles: ['staff'] });
  const ops = network.client(OpsService, service);
  const event = unreadable();
  await bus.send(event);
  await network.settle();
  const listed = await ops.listDeadLetters({}, { headers });
  expect(listed.deadLetters).toMatchObject([{ eventId: event.id, failure: 'PoisonEvent' }]);
  const replay = { requestId: uuidv7(), eventIds: [event.id] };
  const replayed = await ops.replayDeadLetters(replay, { headers });
  expect(replayed.failedEventIds).toEqual([event.id]);
  expect(jsonOf([listed, replayed])).not.toContain(canary);
  expect(wrote('event.dead')).toBe(true);
});

test('nobody else sees any of it, at any door', async () => {
  const event = unreadable();
  await bus.send(event);
  await network.settle();
  const customer = await network.person();
  const strangers = [
    { client: network.client(OpsService, service), headers: {} },
    { client: network.client(OpsService, service), headers: customer.headers },
    { client: network.client(OpsService, service, { service: 'commerce.order' }), headers: {} },
    { client: network.client(OpsService, service, { service }), headers: customer.headers },
  ];
  for (const { client, headers } of strangers) {
    const replay = { requestId: uuidv7(), eventIds: [event.id] };
    for (const call of [
      () => client.listDeadLetters({}, { headers }),
      () => client.replayDeadLetters(replay, { headers }),
    ]) {
      const told = await refusalTexts(call());
      expect(told).toMatch(/CALLER_NOT_ALLOWED|CREDENTIALS_REQUIRED/);
      expect(told).not.toContain(event.id);
      expect(told).not.toContain(canary);
    }
  }
  // At the door not even staff find any.
  const { headers } = await network.person({ roles: ['staff'] });
  const door = network.client(OpsService, 'platform.gateway');
  await expect(door.listDeadLetters({}, { headers })).rejects.toMatchObject({
    code: 'unimplemented',
  });
});

test('an event that failed and worked later leaves nothing of it in a log', async () => {
  const { sql } = network;
  const person = await personOf(network);
  // The driver's error holds the statement and all that was to be written.
  await sql`alter table platform_notification.notification rename column parameters to words`;
  await bus.send(orderChanged({ ...orderOf(person.id, SHIPPED), trackingCode: canary }));
  await expect.poll(() => wrote('event.retried'), { timeout: 10_000 }).toBe(true);
  await sql`alter table platform_notification.notification rename column words to parameters`;
  await network.settle();
  expect((await person.list())[0]!.body).toContain(canary);
});

test('no log line of any service holds what the letters did, at any level', () => {
  for (const name of ['event.dead', 'event.retried', 'rpc.answered'])
    expect(wrote(name)).toBe(true);
  expect(lines.filter((line) => line.includes(canary))).toEqual([]);
});
