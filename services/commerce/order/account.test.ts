import { afterAll, beforeAll, expect, test } from 'vitest';
import { CancelReason, OrderStatus } from '#gen/commerce/order/v1/order_pb.ts';
import { PaymentMethod } from '#gen/finance/payment/v1/payment_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import { systemAccountId } from '#services/finance/transaction/domain/system.ts';
import { ledgerOf } from '#services/finance/transaction/testing.ts';
import { type Shop, shopServices, startShop } from './testing.ts';

let shop: Shop;
let ledger: ReturnType<typeof ledgerOf>;

/** The bank as it is, with the rules that it begins with. */
const bankServices = ['finance.risk', 'finance.compliance', 'finance.transaction'];

beforeAll(async () => {
  shop = await startShop({ services: [...bankServices, ...shopServices] });
  ledger = ledgerOf(shop.network);
});
afterAll(async () => {
  await shop.expectSound();
  await shop.stop();
});

const shopBalance = async () => (await ledger.balance(systemAccountId('SHOP', 'EUR'))).posted;

test('an order is paid from an account, and what it cost is given back when it is cancelled', async () => {
  const [sku, person] = [await shop.stocked(3n), await shop.network.person()];
  const accountId = await ledger.open(person.id, 10_000n);
  const before = await shopBalance();
  const request = shop.wanted(sku, { quantity: 2n, accountId });
  const { order } = await shop.orders.createOrder(request, person);
  expect(order!.status).toBe(OrderStatus.PAID);
  expect(await ledger.balance(accountId)).toMatchObject({ posted: 6_002n, held: 0n });
  expect(await shopBalance()).toBe(before + 3_998n);
  const { orderId } = order!;
  expect(await shop.paymentOf(orderId)).toMatchObject({ method: PaymentMethod.ACCOUNT });
  expect((await shop.orders.createOrder(request, person)).order).toEqual(order);
  await shop.orders.cancelOrder({ requestId: uuidv7(), orderId }, person);
  await shop.settle();
  expect(await ledger.balance(accountId)).toMatchObject({ posted: 10_000n, held: 0n });
  expect(await shopBalance()).toBe(before);
});

test('an account with too little on it, or of somebody else, pays for nothing', async () => {
  const [sku, person] = [await shop.stocked(3n), await shop.network.person()];
  const [poor, foreign] = [await ledger.open(person.id, 1n), await ledger.open(uuidv7(), 10_000n)];
  for (const accountId of [poor, foreign]) {
    const { order } = await shop.orders.createOrder(shop.wanted(sku, { accountId }), person);
    expect(order).toMatchObject({
      status: OrderStatus.CANCELLED,
      cancelReason: CancelReason.PAYMENT_DECLINED,
    });
  }
  await shop.settle();
  expect((await ledger.balance(foreign)).posted).toBe(10_000n);
  expect((await shop.stockOf(sku)).available).toBe(3n);
});

test('what cards pay comes into the same account of the shop', async () => {
  const [sku, person] = [await shop.stocked(1n), await shop.network.person()];
  await shop.settle();
  const before = await shopBalance();
  await shop.orders.createOrder(shop.wanted(sku), person);
  await shop.settle();
  expect(await shopBalance()).toBe(before + 1_999n);
});

test('an order names a card or an account, and not both', async () => {
  const [sku, person] = [await shop.stocked(1n), await shop.network.person()];
  const accountId = await ledger.open(person.id, 10_000n);
  const card = shop.wanted(sku);
  for (const request of [
    { ...card, accountId },
    { ...card, paymentToken: '' },
  ]) {
    await expect(shop.orders.createOrder(request, person)).rejects.toMatchObject({
      reason: 'FIELD_INVALID',
    });
  }
});
