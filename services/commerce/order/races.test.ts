import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { OrderService, OrderStatus } from '#gen/commerce/order/v1/order_pb.ts';
import { ProductStatus } from '#gen/commerce/product/v1/product_pb.ts';
import { armDebugPoint } from '#kit/debug.ts';
import { uuidv7 } from '#kit/ids.ts';
import { holdAt, holdWrites } from '#kit/testing/hold.ts';
import { countWaiting, joinMsMax, meetAt, meetInCrowd, meetInTurn } from '#kit/testing/meet.ts';
import type { Network, Person } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';
import { limits } from './domain.ts';
import { type OrderRequest, type Shop, shopServices, startShop } from './testing.ts';

let shop: Shop;
/** A second process with the whole shop. */
let second: Network;
/** The order service in either. */
let both: Shop['orders'][];

beforeAll(async () => {
  shop = await startShop();
  second = await startNetwork(shopServices, { joins: shop.network, settings: shop.settings });
  both = [shop.orders, second.client(OrderService, 'commerce.order')];
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

/** The answers, and the reasons of those who got none. */
function split<Result>(results: PromiseSettledResult<Result>[]) {
  const answers = results.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const refusals = results.flatMap((one) => (one.status === 'rejected' ? [one.reason.reason] : []));
  return { answers, refusals };
}

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

describe('callers of two processes that meet before either commits', () => {
  const create = (i: number, request: OrderRequest, { headers }: Person) =>
    both[i % 2]!.createOrder(request, { headers });
  const at = (point: string) => ({ point, sql: shop.network.sql });

  test('64 of them, with one request, make one order and one charge and hear one answer', async () => {
    const sku = await shop.stocked(100n);
    const request = shop.wanted(sku);
    const customer = await shop.network.person();
    const results = await meetInCrowd(at('commerce.order.before-commit'), 64, (i) =>
      create(i, request, customer),
    );
    const { answers, refusals } = split(results);
    expect(refusals).toEqual([]);
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(await shop.stockOf(sku)).toMatchObject({ onHand: 99n });
    expect(await shop.chargesOf(answers[0]!.order!.orderId)).toBe(1);
  });

  test('64 of them, with one request id and as many bodies, are obeyed once', async () => {
    const sku = await shop.stocked(10_000n);
    const requestId = uuidv7();
    const customer = await shop.network.person();
    const results = await meetInCrowd(at('commerce.order.before-commit'), 64, (i) =>
      create(i, shop.wanted(sku, { quantity: BigInt(i + 1), requestId }), customer),
    );
    const { answers, refusals } = split(results);
    expect(refusals).toEqual(Array(63).fill('REQUEST_ID_REUSED'));
    const { quantity } = answers[0]!.order!.lines[0]!;
    expect(await shop.stockOf(sku)).toMatchObject({ onHand: 10_000n - quantity });
  });

  test.each([
    ['takes it and the other would refuse it, both hear of the order', false],
    ['refuses it and the other would take it, both are refused', true],
  ])('two of them, with one request, of which the first %s', async (_, isRefusedFirst) => {
    const sku = await shop.stocked(1n);
    const request = shop.wanted(sku);
    const customer = await shop.network.person();
    const status = (isOver: boolean) =>
      shop.mark(sku, isOver ? ProductStatus.OUT_OF_STOCK : ProductStatus.AVAILABLE);
    // Staff hold the product back, or release it, between the two looks at the catalogue.
    const meeting = meetAt(['commerce.order.before-commit'], shop.network.sql);
    await status(isRefusedFirst);
    const earlier = Promise.allSettled([create(0, request, customer)]);
    await meeting.joined(1);
    await status(!isRefusedFirst);
    const later = Promise.allSettled([create(1, request, customer)]);
    await meeting.joined(2);
    meeting.letAllGo();
    const [[first], [other]] = await Promise.all([earlier, later]);
    await Promise.all([shop.settle(), second.settle()]);
    expect(other).toEqual(first);
    if (isRefusedFirst) expect(first).toMatchObject({ reason: { reason: 'SKU_NOT_FOR_SALE' } });
    else expect(first).toMatchObject({ value: { order: { status: OrderStatus.PAID } } });
  });

  test('50 of them, who want the last unit, are sold it once, and nobody else is charged', async () => {
    const sku = await shop.stocked(1n);
    const customers = await Promise.all([1, 2].map(() => shop.network.person()));
    const results = await meetInCrowd(at('commerce.inventory.before-commit'), 50, (i) =>
      create(i, shop.wanted(sku), customers[i % 2]!),
    );
    const { answers, refusals } = split(results);
    expect(refusals).toEqual([]);
    const statuses = answers.map(({ order }) => order!.status);
    expect(statuses.filter((status) => status === OrderStatus.PAID)).toHaveLength(1);
    expect(statuses.filter((status) => status === OrderStatus.CANCELLED)).toHaveLength(49);
  });
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
  // A takeover is one statement. Only orders that were handed back are taken over at once.
  const letTakeoversGo = await holdWrites(shop.network.sql, {
    table: 'commerce_order.customer_order',
    on: 'update',
    when: 'old.lease_until = old.created_at',
  });
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
    await letTakeoversGo();
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
