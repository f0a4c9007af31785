import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import { OpsService } from '#gen/platform/ops/v1/ops_pb.ts';
import { PoisonEvent } from '#kit/bus/event.ts';
import { armDebugPoint } from '#kit/debug.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { CallOptions, Client } from '#kit/rpc/client/client.ts';
import { holdAt } from '#kit/testing/hold.ts';
import type { Network } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';
import {
  CANCELLED,
  CONFIRMED,
  DELIVERED,
  openBus,
  orderChanged,
  orderOf,
  PAID,
  PENDING,
  paymentChanged,
  paymentOf,
  personOf,
  SHIPPED,
} from './testing.ts';

const names = ['platform.notification'];
let network: Network;
let second: Network;
let bus: Awaited<ReturnType<typeof openBus>>;
let disarm = () => {};

beforeAll(async () => {
  network = await startNetwork(names);
  second = await startNetwork(names, { joins: network });
  bus = await openBus(network, inject('servers').natsUrl);
});
afterEach(() => disarm());
afterAll(async () => {
  await bus.close();
  await second.stop();
  await network.stop();
});

/** Sees, and tries again, what the consumers gave up. */
async function operator() {
  const { headers } = await network.person({ roles: ['staff'] });
  const [ops, elsewhere] = [network, second].map((process) =>
    process.client(OpsService, 'platform.notification'),
  ) as [Client<typeof OpsService>, Client<typeof OpsService>];
  return {
    list: async () => (await ops.listDeadLetters({}, { headers })).deadLetters,
    replay: (eventIds: string[], requestId = uuidv7(), more: CallOptions = {}) =>
      ops.replayDeadLetters({ requestId, eventIds }, { headers, ...more }),
    /** The same by another process of the service. */
    replayElsewhere: (eventIds: string[], requestId: string) =>
      elsewhere.replayDeadLetters({ requestId, eventIds }, { headers }),
  };
}

describe('a person', () => {
  test('is told what became of an order, in the order in which it happened', async () => {
    const person = await personOf(network);
    const order = orderOf(person.id, PENDING);
    for (const status of [PENDING, CONFIRMED, PAID, SHIPPED, DELIVERED]) {
      await bus.send(orderChanged({ ...orderOf(person.id, status), orderId: order.orderId }));
      await network.settle();
    }
    const told = await person.list();
    expect(told.map(({ title }) => title)).toEqual([
      'Order delivered',
      'Order shipped',
      'Order confirmed',
    ]);
    expect(told[1]).toMatchObject({
      subjectId: order.orderId,
      parameters: { order_id: order.orderId, tracking_code: 'DE123' },
    });
    expect(told[1]!.body).toContain('DE123');
    expect(await person.titles({ locale: 'zh-Hans' })).toContain('订单已确认');
  });

  test('is told why an order was cancelled, and of each further refund', async () => {
    const person = await personOf(network);
    const order = orderOf(person.id, CANCELLED);
    const paymentId = uuidv7();
    const refunds = [0n, 1_000n, 1_000n, 123_456n];
    const events = refunds.map((done) => paymentChanged(paymentOf(order, paymentId, { done })));
    await bus.send(orderChanged(order), ...events);
    await network.settle();
    const told = await person.list();
    const bodies = told.map(({ body }) => body).sort();
    expect(bodies).toEqual([
      expect.stringContaining('€1,234.56'),
      expect.stringContaining('€10.00'),
      expect.stringContaining('not everything was in stock'),
    ]);
  });

  test('is told of a refund once it is done, and neither of its promise nor of one that came to nothing', async () => {
    const person = await personOf(network);
    const order = orderOf(person.id, PAID);
    const paymentId = uuidv7();
    const tell = async (refunds: { promised?: bigint; done?: bigint }) => {
      await bus.send(paymentChanged(paymentOf(order, paymentId, refunds)));
      await network.settle();
      return (await person.list()).map(({ parameters }) => parameters.amount_minor);
    };
    expect(await tell({ promised: 1_000n })).toEqual([]);
    expect(await tell({})).toEqual([]);
    expect(await tell({ promised: 1_000n })).toEqual([]);
    expect(await tell({ done: 1_000n })).toEqual(['1000']);
    expect(await tell({ done: 1_000n, promised: 500n })).toEqual(['1000']);
    expect(await tell({ done: 1_500n })).toEqual(['1500', '1000']);
  });

  test('is not told of a payment that nobody had asked for when its order was voided', async () => {
    const { amount: _, ...nobodys } = paymentOf(orderOf('', CANCELLED), uuidv7());
    const event = paymentChanged(nobodys);
    await bus.send(event);
    await network.settle();
    const given = await (await operator()).list();
    expect(given.map(({ eventId }) => eventId)).not.toContain(event.id);
  });

  test('is told once, however often and under whatever ids an event comes', async () => {
    const people = await Promise.all(Array.from({ length: 5 }, () => personOf(network)));
    const events = people.flatMap(({ id }) => {
      const order = orderOf(id, PAID);
      const again = orderChanged(order);
      return [again, again, orderChanged(order), orderChanged(order), again];
    });
    await bus.send(...events);
    await network.settle();
    await bus.send(...events);
    await network.settle();
    for (const { titles } of people) expect(await titles()).toEqual(['Order confirmed']);
  });

  test('is told once by a process that dies before the commit and the one after it', async () => {
    const person = await personOf(network);
    let deaths = 0;
    disarm = armDebugPoint('platform.notification.before-commit', async () => {
      deaths += 1;
      if (deaths > 2) return;
      // Not the relay, which settle() is pushing on meanwhile.
      await network.sql`
        select pg_terminate_backend(pid, 5000) from pg_stat_activity
        where datname = current_database() and application_name = 'platform_notification'
          and state like 'idle in transaction%' and query not like '%outbox%'`;
    });
    await bus.send(orderChanged(orderOf(person.id, PAID)));
    await network.settle();
    expect(deaths).toBeGreaterThan(2);
    expect(await person.titles()).toEqual(['Order confirmed']);
  });
});

describe('an event that nobody can do', () => {
  test('waits among the dead letters until it is replayed, once', async () => {
    const person = await personOf(network);
    const bystander = await personOf(network);
    const ops = await operator();
    disarm = armDebugPoint('platform.notification.before-commit', () => {
      throw new PoisonEvent();
    });
    const event = orderChanged(orderOf(person.id, PAID));
    await bus.send(event);
    await network.settle();
    disarm();
    await bus.send(orderChanged(orderOf(bystander.id, PAID)));
    await network.settle();
    expect(await bystander.titles()).toEqual(['Order confirmed']);
    expect(await person.titles()).toEqual([]);
    expect(await ops.list()).toMatchObject([
      { eventId: event.id, consumer: 'orders', attemptCount: 1, failure: 'PoisonEvent' },
    ]);

    const requestId = uuidv7();
    const ways = [ops.replay, ops.replayElsewhere, ops.replay, ops.replayElsewhere];
    const answers = await Promise.all(ways.map((replay) => replay([event.id], requestId)));
    for (const answer of answers) expect(answer).toMatchObject({ replayedCount: 1 });
    expect(await person.titles()).toEqual(['Order confirmed']);
    expect(await ops.list()).toEqual([]);
    await expect(ops.replay([event.id])).rejects.toMatchObject({
      reason: 'DEAD_LETTER_NOT_FOUND',
      metadata: { event_id: event.id },
    });
    expect(await ops.replay([event.id], requestId)).toMatchObject({ replayedCount: 1 });
    await expect(ops.replay([uuidv7()], requestId)).rejects.toMatchObject({
      reason: 'REQUEST_ID_REUSED',
    });

    // The bus may still have it: replayed is done.
    await bus.send(event);
    await network.settle();
    expect(await person.titles()).toEqual(['Order confirmed']);
  });

  test('is replayed once also when whoever asked leaves meanwhile, who hears of it later', async () => {
    const person = await personOf(network);
    const ops = await operator();
    const poison = armDebugPoint('platform.notification.before-commit', () => {
      throw new PoisonEvent();
    });
    const event = orderChanged(orderOf(person.id, PAID));
    await bus.send(event);
    await network.settle();
    poison();
    const hold = holdAt('platform.notification.before-commit', 1);
    const requestId = uuidv7();
    const leaving = new AbortController();
    const asked = ops.replay([event.id], requestId, { signal: leaving.signal });
    const refused = expect(asked).rejects.toMatchObject({ code: 'cancelled' });
    await hold.reached;
    leaving.abort();
    await refused;
    hold.letGo();
    expect(await ops.replay([event.id], requestId)).toMatchObject({ replayedCount: 1 });
    expect(await person.titles()).toEqual(['Order confirmed']);
  });

  test('stays there when it fails again', async () => {
    const ops = await operator();
    const unreadable = { ...orderChanged(orderOf(uuidv7(), PAID)), payload: Buffer.from([10, 99]) };
    const ofNobody = orderChanged(orderOf('nobody', PAID));
    await bus.send(unreadable, ofNobody);
    await network.settle();
    const ids = [unreadable.id, ofNobody.id].sort();
    const waiting = async () => (await ops.list()).map(({ eventId }) => eventId).sort();
    expect(await waiting()).toEqual(ids);
    const answer = await ops.replay(ids);
    expect(answer.replayedCount).toBe(0);
    expect(answer.failedEventIds.toSorted()).toEqual(ids);
    expect(await waiting()).toEqual(ids);
  });
});
