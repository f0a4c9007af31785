/** What the people of the shop do while customers order. */
import { InventoryService } from '#gen/commerce/inventory/v1/inventory_pb.ts';
import { type Order, OrderService } from '#gen/commerce/order/v1/order_pb.ts';
import { PaymentService } from '#gen/finance/payment/v1/payment_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Desk } from '../desk.ts';
import { tolerate } from '../patience.ts';
import { signUp } from '../people.ts';
import type { Random } from '../random.ts';
import type { Shop } from './shop.ts';

export interface Staff {
  /** Sends the goods, and hears that they came. */
  ship(order: Order, random: Random): Promise<void>;
  /** Gives back a little of what a paid order has cost. */
  console(order: Order, random: Random): Promise<void>;
  /** Does one of the things that no order asks for. */
  work(random: Random): Promise<void>;
}

const consolationMinorMax = 100;
const heldMinor = 5_000n;
const recountUnitsMax = 3;

export function createStaff(desk: Desk, shop: Shop): Staff {
  /** Counts what is there: a little more, or less, than was thought. */
  async function recount(random: Random): Promise<void> {
    const sku = random.pick([...shop.stocked.keys()]);
    const units = BigInt(1 + random.below(recountUnitsMax));
    const delta = random.percent(50) ? units : -units;
    const request = { requestId: uuidv7(), sku, delta, reason: 'recounted' };
    await tolerate('INSUFFICIENT_STOCK', () =>
      desk.write(random.pick(shop.staff), InventoryService.method.adjustStock, request),
    );
  }

  /** Somebody reserves, as an order would, and is never heard of again. */
  async function forget(random: Random): Promise<void> {
    const lines = [{ sku: random.pick(shop.plentifulSkus), quantity: 1n }];
    const request = { requestId: uuidv7(), orderId: uuidv7(), lines, holdSeconds: 1 };
    await desk.write(undefined, InventoryService.method.reserveStock, request);
  }

  /** A deposit: held first, then taken in part and given back, or given free. */
  async function deposit(random: Random): Promise<void> {
    const orderId = uuidv7();
    const { userId } = random.pick(shop.customers);
    const amount = { currencyCode: 'EUR', amountMinor: heldMinor };
    const asked = { requestId: uuidv7(), orderId, userId, amount, paymentToken: 'tok_visa' };
    const { authorizePayment, capturePayment, refundPayment, voidPayment } = PaymentService.method;
    const { payment } = await desk.write(undefined, authorizePayment, asked);
    if (random.percent(50)) {
      await desk.write(undefined, voidPayment, { requestId: uuidv7(), orderId });
      return;
    }
    const { paymentId } = payment!;
    const staff = random.pick(shop.staff);
    const part = { requestId: uuidv7(), paymentId, amountMinor: heldMinor / 2n };
    await desk.write(staff, capturePayment, part);
    await desk.write(staff, refundPayment, { requestId: uuidv7(), paymentId, reason: 'deposit' });
  }

  async function join(): Promise<void> {
    await signUp(desk);
  }

  /** Some more often than others; a sign-up is dear, for its password. */
  const tasks = [
    ...Array<typeof recount>(4).fill(recount),
    ...Array<typeof forget>(3).fill(forget),
    ...Array<typeof deposit>(6).fill(deposit),
    join,
  ];

  return {
    async ship({ orderId }, random) {
      const { shipOrder, deliverOrder } = OrderService.method;
      const staff = random.pick(shop.staff);
      const sent = { requestId: uuidv7(), orderId, trackingCode: `CHAOS-${orderId}` };
      await desk.write(staff, shipOrder, sent);
      await desk.write(staff, deliverOrder, { requestId: uuidv7(), orderId });
    },
    async console({ paymentId }, random) {
      const amountMinor = BigInt(1 + random.below(consolationMinorMax));
      const request = { requestId: uuidv7(), paymentId, amountMinor, reason: 'sorry' };
      await desk.write(random.pick(shop.staff), PaymentService.method.refundPayment, request);
    },
    async work(random) {
      await random.pick(tasks)(random);
    },
  };
}
