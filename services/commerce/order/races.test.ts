import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { OrderService, OrderStatus } from '#gen/commerce/order/v1/order_pb.ts';
import { armDebugPoint } from '#kit/debug.ts';
import { uuidv7 } from '#kit/ids.ts';
import { holdAt } from '#kit/testing/hold.ts';
import { countWaiting, joinMsMax, meetInTurn } from '#kit/testing/meet.ts';
import type { Network } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';
import { limits } from './domain.ts';
import { type OrderRequest, type Shop, shopServices, startShop } from './testing.ts';

let shop: Shop;
/** A second process with the whole shop. */
let second: Network;

beforeAll(async () => {
  shop = await startShop();
  second = await startNetwork(shopServices, { joins: shop.network, settings: shop.settings });
});
afterEach(async () => {
  await second.settle();
  await shop.expectSound();
});
afterAll(async () => {
  await second.stop();
  await shop.stop();
});

const outliveLease = () => shop.network.clock.advance({ milliseconds: limits.leaseMs + 1 });

/** A request for the same SKU in two lines, so many units in each. */
function inTwoLines(sku: string, quantity: bigint): OrderRequest {
  const { requestId, paymentToken, shippingAddress } = shop.wanted(sku);
  const lines = [
    { sku, quantity },
    { sku, quantity },
  ];
  return { requestId, paymentToken, shippingAddress, lines } as OrderRequest;
}

test('two lines of one SKU are one line, and never sell more than there is', async () => {
  const sku = await shop.stocked(9n);
  const { headers } = await shop.network.person();
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => shop.orders.createOrder(inTwoLines(sku, 1n), { headers })),
  );
  const paid = answers.flatMap(({ order }) => (order!.status === OrderStatus.PAID ? [order!] : []));
  expect(paid).toHaveLength(4);
  for (const { lines } of paid) expect(lines).toMatchObject([{ sku, quantity: 2n }]);
  expect(await shop.stockOf(sku)).toEqual({ onHand: 1n, reserved: 0n, available: 1n });
});

test('two lines of one SKU that are too much only together are too much', async () => {
  const sku = await shop.stocked(3n);
  const { headers } = await shop.network.person();
  const { order } = await shop.orders.createOrder(inTwoLines(sku, 2n), { headers });
  expect(order).toMatchObject({ status: OrderStatus.CANCELLED, cancelDetail: sku });
});

test('one request id in two processes makes one order with one answer', async () => {
  const sku = await shop.stocked(100n);
  const { headers } = await shop.network.person();
  const both = [shop.orders, second.client(OrderService, 'commerce.order')];
  const request = shop.wanted(sku);
  const answers = await Promise.all(
    Array.from({ length: 64 }, (_, i) => both[i % 2]!.createOrder(request, { headers })),
  );
  for (const answer of answers) expect(answer).toEqual(answers[0]);
  expect(await shop.stockOf(sku)).toMatchObject({ onHand: 99n });
});

/**
 * Lets nobody commit who takes over orders that were handed back, until let go. A takeover is one statement and has no
 * place for a debug point: a trigger waits at its end.
 */
async function holdTakeovers() {
  const { sql } = shop.network;
  const takeoverLock = 1;
  await sql.unsafe(`
    create function commerce_order.hold_takeover() returns trigger language plpgsql as $$
    begin perform pg_advisory_xact_lock_shared(${takeoverLock}); return null; end $$;
    create trigger hold_takeover after update on commerce_order.customer_order for each row
      when (old.lease_until = old.created_at) execute function commerce_order.hold_takeover()`);
  const session = await sql.reserve();
  await session`select pg_advisory_lock(${takeoverLock})`;
  return {
    async letGo() {
      await session`select pg_advisory_unlock(${takeoverLock})`;
      session.release();
      await sql`drop function commerce_order.hold_takeover cascade`;
    },
  };
}

test('two recovery workers take over each order of a process that stops, once', async () => {
  const sku = await shop.stocked(100n);
  const third = await startNetwork(shopServices, {
    joins: shop.network,
    settings: shop.settings,
    wiresTo: ['commerce.inventory'],
  });
  third.wireTo('commerce.inventory').cut();
  const orders = third.client(OrderService, 'commerce.order');
  const { headers } = await shop.network.person();
  const begun = Array.from({ length: 40 }, () =>
    orders.createOrder(shop.wanted(sku), { headers, timeoutMs: 1_500 }),
  );
  for (const one of await Promise.allSettled(begun)) {
    expect(one).toMatchObject({ reason: { code: 'deadline_exceeded' } });
  }
  const [open] = await shop.network.sql`
    select count(*)::int as count from commerce_order.customer_order where step = 'RESERVE'`;
  expect(open).toEqual({ count: 40 });
  let drives = 0;
  const disarm = armDebugPoint('commerce.order.after-reserve', () => {
    drives += 1;
  });
  const takeovers = await holdTakeovers();
  await third.stop();
  const { sql } = shop.network;
  let idle = 0;
  let recovering: Promise<void>[] = [];
  try {
    // A worker of either process has taken orders and may not commit.
    await expect.poll(() => countWaiting(sql), { timeout: joinMsMax }).toBeGreaterThanOrEqual(1);
    recovering = [shop.network, second].map(async (network) => {
      await network.service('commerce.order').advance();
      idle += 1;
    });
    // Two more have looked meanwhile, one at least in the other process: they find nothing, or wait for the first.
    await expect
      .poll(async () => idle + (await countWaiting(sql)), { timeout: joinMsMax })
      .toBeGreaterThanOrEqual(3);
  } finally {
    await takeovers.letGo();
  }
  await Promise.all(recovering);
  await Promise.all([shop.network.settle(), second.settle()]);
  disarm();
  expect(drives).toBe(40);
  expect(await shop.stockOf(sku)).toMatchObject({ onHand: 60n });
});

test.each(['after-reserve', 'after-payment', 'after-commit'])(
  'a driver that was only slow, at %s, changes nothing that another has done',
  async (place) => {
    const sku = await shop.stocked(2n);
    const { headers } = await shop.network.person();
    const hold = holdAt(`commerce.order.${place}`, 1);
    const request = shop.wanted(sku);
    const creating = shop.orders.createOrder(request, { headers });
    await hold.reached;
    const newest = async () => {
      const { orders } = await shop.orders.listOrders({ pageSize: 1 }, { headers });
      return orders[0]!;
    };
    const { orderId } = await newest();
    const isDone = async () => {
      // Its own process may take it over as well, and then waits for the slow driver: this one is faster.
      outliveLease();
      await second.service('commerce.order').advance();
      const [row] = await shop.network.sql`
        select step from commerce_order.customer_order where order_id = ${orderId}`;
      return row!.step;
    };
    await expect.poll(isDone, { timeout: 20_000, interval: 500 }).toBe('DONE');
    const cancel = { requestId: uuidv7(), orderId };
    await second.client(OrderService, 'commerce.order').cancelOrder(cancel, { headers });
    await second.settle({ timeoutMs: 20_000 });
    const before = await newest();
    expect(before).toMatchObject({ status: OrderStatus.CANCELLED });
    hold.letGo();
    // The answer is the order as it was when it was settled.
    expect((await creating).order).toMatchObject({ orderId, status: OrderStatus.PAID });
    await shop.settle();
    expect(await newest()).toEqual(before);
  },
);

describe('a cancellation in one process that meets in the other', () => {
  const point = 'commerce.order.before-commit';
  const asked = (orderId: string) => ({ requestId: uuidv7(), orderId });
  const secondOrders = () => second.client(OrderService, 'commerce.order');

  /** How an order stands when all is done. */
  async function endOf(orderId: string) {
    await Promise.all([shop.settle(), second.settle()]);
    return (await shop.orders.getOrder({ orderId }, { headers: shop.staff.headers })).order!;
  }

  test.each(['CANCELLED', 'SHIPPED'] as const)(
    'its shipment ends as the first of them said, %s, and the other is refused',
    async (status) => {
      const sku = await shop.stocked(1n);
      const { headers } = await shop.network.person();
      const { order } = await shop.orders.createOrder(shop.wanted(sku), { headers });
      const { orderId } = order!;
      const parcel = { ...asked(orderId), trackingCode: 'JJD000390007' };
      const cancel = () => shop.orders.cancelOrder(asked(orderId), { headers });
      const ship = () => secondOrders().shipOrder(parcel, { headers: shop.staff.headers });
      const [earlier, later] = status === 'CANCELLED' ? [cancel, ship] : [ship, cancel];
      const met = { point, sql: shop.network.sql };
      const [first, other] = await meetInTurn(met, earlier, later);
      expect(first).toMatchObject({ value: { order: { status: OrderStatus[status] } } });
      expect(other).toMatchObject({ reason: { reason: 'ORDER_STATUS_CONFLICT' } });
      expect(await endOf(orderId)).toMatchObject({ status: OrderStatus[status] });
    },
  );

  test('the word that it is paid is not overruled by it', async () => {
    const sku = await shop.stocked(1n);
    const { headers } = await shop.network.person();
    const paid = holdAt('commerce.order.before-paid', 1);
    const creating = shop.orders.createOrder(shop.wanted(sku), { headers });
    await paid.reached;
    const { orders } = await shop.orders.listOrders({ pageSize: 1 }, { headers });
    const { orderId } = orders[0]!;
    const [cancelled] = await meetInTurn(
      { point, sql: shop.network.sql },
      () => secondOrders().cancelOrder(asked(orderId), { headers }),
      async () => {
        paid.letGo();
        return await creating;
      },
    );
    expect(cancelled).toMatchObject({ value: { order: { status: OrderStatus.CANCELLED } } });
    expect(await endOf(orderId)).toMatchObject({ status: OrderStatus.CANCELLED });
  });
});
