import { afterAll, beforeAll, expect, test } from 'vitest';
import { OrderStatus } from '#gen/commerce/order/v1/order_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import { type Shop, shopServices, startShop } from '#services/commerce/order/testing.ts';
import { personOf } from './testing.ts';

let shop: Shop;

beforeAll(async () => {
  shop = await startShop({ services: [...shopServices, 'platform.notification'] });
});
afterAll(() => shop.stop());

test('whoever orders is told once that it is paid, and once that it is cancelled and refunded', async () => {
  const { network, orders } = shop;
  const person = await personOf(network);
  const { headers } = person;
  const sku = await shop.stocked(5n);
  const { order } = await orders.createOrder(shop.wanted(sku), { headers });
  expect(order!.status).toBe(OrderStatus.PAID);
  await network.settle();
  expect(await person.titles()).toEqual(['Order confirmed']);

  await orders.cancelOrder({ requestId: uuidv7(), orderId: order!.orderId }, { headers });
  await network.settle();
  expect((await person.titles()).sort()).toEqual([
    'Order cancelled',
    'Order confirmed',
    'Refund on its way',
  ]);
  const refund = (await person.list()).find(({ title }) => title === 'Refund on its way');
  expect(refund!.body).toContain('€19.99');
});
