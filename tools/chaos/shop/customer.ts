/** Customers who order, repeat themselves and change their minds. */
import { type Order, OrderService, OrderStatus } from '#gen/commerce/order/v1/order_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Client } from '#kit/rpc/client/client.ts';
import type { Desk } from '../desk.ts';
import { pause, tolerate } from '../patience.ts';
import type { Person } from '../people.ts';
import type { Random } from '../random.ts';
import { type Shop, shippingAddress } from './shop.ts';
import type { Staff } from './staff.ts';

export type OrderRequest = Parameters<Client<typeof OrderService>['createOrder']>[0] & {
  requestId: string;
};

export interface CustomerDeps {
  desk: Desk;
  /** For looking at orders, not for writing them. */
  orders: Client<typeof OrderService>;
  shop: Shop;
  staff: Staff;
  create(customer: Person, request: OrderRequest, door: number): Promise<Order>;
}

const regretMsMax = 150;
const looksMax = 5;
const lookMs = 50;
const doorsMax = 2;
const goodCards = ['tok_visa', 'tok_mastercard', 'tok_twice', 'tok_event_first'];
const trickyCards = ['tok_timeout', 'tok_error', 'tok_error_before', 'tok_lost', 'tok_slow_300'];
const badCards = ['tok_insufficient_funds', 'tok_expired_card', 'tok_nobodys'];
const slowCards = ['tok_timeout', 'tok_lost', 'tok_slow_300', 'tok_slow_800'];

/** What a customer does besides ordering, or the shop for them. */
const habits = [
  ...['none', 'none', 'none', 'twice', 'again', 'cancel', 'regret'],
  ...['ship', 'console'],
] as const;

/** One caller, who orders for these customers: each call is one order, and all that comes of it. */
export function createCaller(
  { desk, orders, shop, staff, create }: CustomerDeps,
  customers: readonly Person[],
): (random: Random) => Promise<void> {
  const known = new Set<string>();

  /** Undoes the customer's newest order while it is being made, if it is seen in time. */
  async function regret(customer: Person): Promise<void> {
    for (let look = 0; look < looksMax; look += 1) {
      const { orders: found } = await desk.insist(customer, () =>
        orders.listOrders({ pageSize: 1 }, customer),
      );
      const [newest] = found;
      if (newest !== undefined && !known.has(newest.orderId)) {
        return cancel(customer, newest.orderId);
      }
      await pause(lookMs);
    }
  }

  /** The order may have been refused meanwhile. */
  async function cancel(customer: Person, orderId: string): Promise<void> {
    const request = { requestId: uuidv7(), orderId };
    await tolerate('ORDER_STATUS_CONFLICT', () =>
      desk.write(customer, OrderService.method.cancelOrder, request),
    );
  }

  return async (random) => {
    const customer = random.pick(customers);
    const habit = random.pick(habits);
    const request = wanted(random, shop, habit === 'regret');
    const door = random.below(doorsMax);
    const regretAfterMs = random.below(regretMsMax);
    const [order] = await Promise.all([
      create(customer, request, door),
      habit === 'twice' && create(customer, request, door + 1),
      habit === 'regret' && pause(regretAfterMs).then(() => regret(customer)),
    ]);
    known.add(order.orderId);
    if (habit === 'again') await create(customer, request, door + 1);
    if (order.status !== OrderStatus.PAID) return;
    if (habit === 'cancel') await cancel(customer, order.orderId);
    if (habit === 'ship') await staff.ship(order, random);
    if (habit === 'console') await staff.console(order, random);
  };
}

function wanted(random: Random, shop: Shop, isSlow: boolean): OrderRequest {
  const isHot = random.percent(20);
  // Plentiful goods alternate between two currencies, and an order is in one.
  const first = random.below(shop.plentifulSkus.length);
  const skus = isHot ? [shop.hotSku] : [shop.plentifulSkus[first]!];
  const third = shop.plentifulSkus[(first + 2) % shop.plentifulSkus.length]!;
  if (!isHot && random.percent(30)) skus.push(third);
  const dice = random.below(100);
  const ordinary = dice < 65 ? goodCards : dice < 85 ? trickyCards : badCards;
  return {
    requestId: uuidv7(),
    lines: skus.map((sku) => ({ sku, quantity: BigInt(1 + random.below(3)) })),
    paymentToken: random.pick(isSlow ? slowCards : ordinary),
    shippingAddress,
  };
}
