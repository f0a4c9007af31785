import { afterAll, beforeAll, expect, test } from 'vitest';
import { OrderStatus } from '#gen/commerce/order/v1/order_pb.ts';
import { PaymentService } from '#gen/finance/payment/v1/payment_pb.ts';
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

test('whoever is to get money back hears of it when the provider did it, and not when it refused', async () => {
  const { network, orders, staff } = shop;
  const person = await personOf(network);
  const paymentToken = 'tok_refund_refused-for-now';
  const wanted = shop.wanted(await shop.stocked(1n), { paymentToken });
  const { order } = await orders.createOrder(wanted, { headers: person.headers });
  const payments = network.client(PaymentService, 'finance.payment');
  const refund = () =>
    payments.refundPayment(
      { requestId: uuidv7(), paymentId: order!.paymentId, amountMinor: 1_000n, reason: 'broken' },
      { headers: staff.headers },
    );
  await expect(refund()).rejects.toMatchObject({ reason: 'REFUND_REFUSED' });
  await network.settle();
  expect(await person.titles()).toEqual(['Order confirmed']);

  // The card's bank comes to its senses.
  await network.sql`
    update sandbox_provider.operation set token = 'tok_visa' where token = ${paymentToken}`;
  await refund();
  await network.settle();
  const [told, ...earlier] = await person.list();
  expect(told).toMatchObject({ title: 'Refund on its way' });
  expect(told!.body).toContain('€10.00');
  expect(earlier).toHaveLength(1);
});
