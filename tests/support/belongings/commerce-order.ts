import { type Order, OrderService } from '#gen/commerce/order/v1/order_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Shop } from '#services/commerce/order/testing.ts';
import { type Account, addressOf } from '../account.ts';

import type { MakeBelongings } from '../belongings.ts';

/** Orders in each state in which one rests, with their payments. */
export const belongings: MakeBelongings = async (shop, account) => {
  const orders = await buyAll(shop, account);
  const payments = orders.map(({ paymentId }) => paymentId).filter((paymentId) => paymentId !== '');
  const waiting = [orders[0]!];
  return {
    names: { order_id: orders.map(({ orderId }) => orderId), payment_id: payments },
    // The amount with its quotes: a number of some digits may be in any id.
    traces: [`"${orders[0]!.total!.amountMinor}"`],
    async stir() {
      const { orderId } = waiting.shift()!;
      await ship(shop, account, orderId);
      await deliver(shop, orderId);
      const next = await buy(shop, { ...account, requestId: uuidv7() });
      waiting.push(next);
      return [next.orderId, next.paymentId];
    },
  };
};

const client = ({ network }: Shop) => network.client(OrderService, 'platform.gateway');

async function buyAll(shop: Shop, account: Account): Promise<Order[]> {
  const { headers, requestId } = account;
  const paid = await buy(shop, account);
  const another = (token?: string) => buy(shop, { ...account, requestId: uuidv7() }, token);
  const shipped = await another();
  const delivered = await another();
  for (const { orderId } of [shipped, delivered]) await ship(shop, account, orderId);
  await deliver(shop, delivered.orderId);
  const cancelled = await another();
  await client(shop).cancelOrder({ requestId, orderId: cancelled.orderId }, { headers });
  const declined = await another('tok_card_declined');
  return [paid, shipped, delivered, cancelled, declined];
}

async function buy(shop: Shop, account: Account, paymentToken = 'tok_visa'): Promise<Order> {
  const { headers, mark, quantity, requestId } = account;
  const sku = await shop.stocked(quantity);
  const shippingAddress = addressOf(mark);
  const request = { requestId, lines: [{ sku, quantity }], paymentToken, shippingAddress };
  return (await client(shop).createOrder(request, { headers })).order!;
}

async function ship(shop: Shop, account: Account, orderId: string): Promise<void> {
  const trackingCode = `parcel ${account.requestId}`;
  await client(shop).shipOrder({ requestId: uuidv7(), orderId, trackingCode }, shop.staff);
}

async function deliver(shop: Shop, orderId: string): Promise<void> {
  await client(shop).deliverOrder({ requestId: uuidv7(), orderId }, shop.staff);
}
