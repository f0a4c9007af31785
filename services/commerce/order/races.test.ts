import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { OrderService, OrderStatus } from '#gen/commerce/order/v1/order_pb.ts';
import { armDebugPoint } from '#kit/debug.ts';
import { uuidv7 } from '#kit/ids.ts';
import { holdAt } from '#kit/testing/hold.ts';
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
  await third.stop();
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
