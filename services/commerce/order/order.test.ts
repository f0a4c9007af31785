import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { CancelReason, OrderStatus } from '#gen/commerce/order/v1/order_pb.ts';
import { ProductStatus } from '#gen/commerce/product/v1/product_pb.ts';
import { armDebugPoint } from '#kit/debug.ts';
import { uuidv7 } from '#kit/ids.ts';
import { holdAt } from '#kit/testing/hold.ts';
import type { Person } from '#kit/testing/network.ts';
import { limits } from './domain.ts';
import { type Shop, startShop } from './testing.ts';

let shop: Shop;
/** A new one for each test, for people are rate limited. */
let customer: Person;
const as = (person = customer) => ({ headers: person.headers });

beforeAll(async () => {
  shop = await startShop();
});
beforeEach(async () => {
  customer = await shop.network.person();
});
afterEach(() => shop.expectSound());
afterAll(() => shop.stop());

describe('an order', () => {
  test('is paid, and its stock is sold', async () => {
    const sku = await shop.stocked(10n);
    const { order } = await shop.orders.createOrder(shop.wanted(sku, { quantity: 3n }), as());
    expect(order).toMatchObject({
      status: OrderStatus.PAID,
      total: { currencyCode: 'EUR', amountMinor: 5_997n },
      lines: [{ sku, quantity: 3n, title: 'Comet backpack' }],
    });
    expect(await shop.stockOf(sku)).toEqual({ onHand: 7n, reserved: 0n, available: 7n });
  });

  test('is cancelled when the stock is short, and nothing is charged', async () => {
    const sku = await shop.stocked(1n);
    const { order } = await shop.orders.createOrder(shop.wanted(sku, { quantity: 2n }), as());
    expect(order).toMatchObject({
      status: OrderStatus.CANCELLED,
      cancelReason: CancelReason.OUT_OF_STOCK,
      cancelDetail: sku,
    });
    expect(await shop.stockOf(sku)).toMatchObject({ available: 1n });
  });

  test('is cancelled when the card is declined, and its stock is free again', async () => {
    const sku = await shop.stocked(1n);
    const request = shop.wanted(sku, { paymentToken: 'tok_insufficient_funds' });
    const { order } = await shop.orders.createOrder(request, as());
    expect(order).toMatchObject({
      status: OrderStatus.CANCELLED,
      cancelReason: CancelReason.PAYMENT_DECLINED,
      cancelDetail: 'insufficient_funds',
    });
    await shop.settle();
    expect(await shop.stockOf(sku)).toMatchObject({ available: 1n });
  });

  test('goes on to delivery, seen by whoever watches it', async () => {
    const sku = await shop.stocked(1n);
    const { order } = await shop.orders.createOrder(shop.wanted(sku), as());
    const { orderId } = order!;
    const seen: OrderStatus[] = [];
    for await (const { order: now } of shop.orders.watchOrder({ orderId }, as())) {
      seen.push(now!.status);
      if (seen.length === 1) {
        const request = { requestId: uuidv7(), orderId, trackingCode: 'DHL1' };
        await shop.orders.shipOrder(request, as(shop.staff));
        await shop.orders.deliverOrder({ requestId: uuidv7(), orderId }, as(shop.staff));
      }
    }
    expect(seen[0]).toBe(OrderStatus.PAID);
    expect(seen.at(-1)).toBe(OrderStatus.DELIVERED);
  });

  test('that was paid is refunded and restocked when its customer cancels it', async () => {
    const sku = await shop.stocked(2n);
    const { order } = await shop.orders.createOrder(shop.wanted(sku), as());
    const request = { requestId: uuidv7(), orderId: order!.orderId };
    const cancelled = await shop.orders.cancelOrder(request, as());
    expect(cancelled.order).toMatchObject({
      status: OrderStatus.CANCELLED,
      cancelReason: CancelReason.REQUESTED,
    });
    expect(await shop.orders.cancelOrder(request, as())).toEqual(cancelled);
    await shop.settle();
    expect(await shop.stockOf(sku)).toEqual({ onHand: 2n, reserved: 0n, available: 2n });
    const ship = { requestId: uuidv7(), orderId: order!.orderId };
    await expect(shop.orders.shipOrder(ship, as(shop.staff))).rejects.toMatchObject({
      reason: 'ORDER_STATUS_CONFLICT',
      metadata: { status: 'CANCELLED' },
    });
  });
});

describe('CreateOrder', () => {
  test('answers the same for ever, whatever becomes of the order', async () => {
    const sku = await shop.stocked(5n);
    const request = shop.wanted(sku);
    const first = await shop.orders.createOrder(request, as());
    await shop.orders.cancelOrder({ requestId: uuidv7(), orderId: first.order!.orderId }, as());
    await shop.settle();
    expect(await shop.orders.createOrder(request, as())).toEqual(first);
  });

  test('refuses an unknown SKU, again and again', async () => {
    const request = shop.wanted('NO-SUCH-SKU');
    for (let i = 0; i < 2; i += 1) {
      await expect(shop.orders.createOrder(request, as())).rejects.toMatchObject({
        code: 'not_found',
        reason: 'SKU_NOT_FOUND',
        domain: 'commerce.order.v1.OrderService',
        metadata: { sku: 'NO-SUCH-SKU' },
      });
    }
  });

  test('keeps to a refusal when the catalogue has changed since', async () => {
    const sku = `SKU-${uuidv7()}`;
    const request = shop.wanted(sku);
    const unknown = { reason: 'SKU_NOT_FOUND', metadata: { sku } };
    await expect(shop.orders.createOrder(request, as())).rejects.toMatchObject(unknown);
    await shop.stocked(1n, sku);
    await expect(shop.orders.createOrder(request, as())).rejects.toMatchObject(unknown);
    const { order } = await shop.orders.createOrder(shop.wanted(sku), as());
    expect(order).toMatchObject({ status: OrderStatus.PAID });
  });

  test('refuses a product that staff hold back, until they release it', async () => {
    const sku = await shop.stocked(1n);
    await shop.settle();
    await shop.mark(sku, ProductStatus.OUT_OF_STOCK);
    await expect(shop.orders.createOrder(shop.wanted(sku), as())).rejects.toMatchObject({
      reason: 'SKU_NOT_FOR_SALE',
      metadata: { sku, status: 'OUT_OF_STOCK' },
    });
    await shop.mark(sku, ProductStatus.AVAILABLE);
    const { order } = await shop.orders.createOrder(shop.wanted(sku), as());
    expect(order).toMatchObject({ status: OrderStatus.PAID });
  });

  test('refuses more of a SKU than one order may hold, spread over lines as it may be', async () => {
    const sku = await shop.stocked(1_000_000n);
    const most = { quantity: limits.unitsPerSkuMax };
    const { requestId, paymentToken, shippingAddress } = shop.wanted(sku);
    const lines = [
      { sku, ...most },
      { sku, quantity: 1n },
    ];
    const tooMuch = { requestId, lines, paymentToken, shippingAddress };
    await expect(shop.orders.createOrder(tooMuch, as())).rejects.toMatchObject({
      code: 'out_of_range',
      reason: 'QUANTITY_TOO_LARGE',
      metadata: { sku, limit: String(limits.unitsPerSkuMax) },
    });
    const { order } = await shop.orders.createOrder(shop.wanted(sku, most), as());
    expect(order).toMatchObject({ status: OrderStatus.PAID });
  });

  test('says that an order is in progress when the deadline ends first, and finishes it', async () => {
    const sku = await shop.stocked(1n);
    const request = shop.wanted(sku, { paymentToken: 'tok_slow_2000' });
    const startedAt = performance.now();
    const failure = await shop.orders
      .createOrder(request, { ...as(), timeoutMs: 700 })
      .catch((error) => error);
    expect(performance.now() - startedAt).toBeLessThan(1_500);
    expect(failure).toMatchObject({ code: 'deadline_exceeded', reason: 'ORDER_IN_PROGRESS' });
    const again = await shop.orders.createOrder(request, as());
    expect(again.order).toMatchObject({
      orderId: failure.metadata.order_id,
      status: OrderStatus.PAID,
    });
  });
});

test('what staff asked too early stays refused under the same request id', async () => {
  const sku = await shop.stocked(1n);
  const { order } = await shop.orders.createOrder(shop.wanted(sku), as());
  const { orderId } = order!;
  const early = { requestId: uuidv7(), orderId };
  const refused = { reason: 'ORDER_STATUS_CONFLICT', metadata: { status: 'PAID' } };
  await expect(shop.orders.deliverOrder(early, as(shop.staff))).rejects.toMatchObject(refused);
  const ship = { requestId: uuidv7(), orderId, trackingCode: 'DHL1' };
  await shop.orders.shipOrder(ship, as(shop.staff));
  await expect(shop.orders.deliverOrder(early, as(shop.staff))).rejects.toMatchObject(refused);
  const { order: delivered } = await shop.orders.deliverOrder(
    { ...early, requestId: uuidv7() },
    as(shop.staff),
  );
  expect(delivered!.status).toBe(OrderStatus.DELIVERED);
});

describe('cancel against payment', () => {
  test.each([
    'commerce.order.after-reserve',
    'commerce.order.before-reserved',
    'commerce.order.after-payment',
    'commerce.order.before-paid',
    'commerce.order.after-commit',
    'commerce.order.before-committed',
  ])('at %s: the order is cancelled and nobody stays charged', async (point) => {
    const sku = await shop.stocked(1n);
    const hold = holdAt(point);
    const creating = shop.orders.createOrder(shop.wanted(sku), as());
    await hold.reached;
    const { orders } = await shop.orders.listOrders({ pageSize: 1 }, as());
    const request = { requestId: uuidv7(), orderId: orders[0]!.orderId };
    const cancelled = await shop.orders.cancelOrder(request, as());
    expect(cancelled.order!.status).toBe(OrderStatus.CANCELLED);
    hold.letGo();
    expect((await creating).order).toMatchObject({
      status: OrderStatus.CANCELLED,
      cancelReason: CancelReason.REQUESTED,
    });
  });
});

describe('expiry against payment', () => {
  test('an order that is paid after its stock was given away is refunded', async () => {
    const sku = await shop.stocked(1n);
    const hold = holdAt('commerce.order.after-payment');
    const creating = shop.orders.createOrder(shop.wanted(sku), as());
    await hold.reached;
    shop.network.clock.advance({ minutes: 20 });
    await expect
      .poll(async () => (await shop.stockOf(sku)).available, { timeout: 10_000 })
      .toBe(1n);
    hold.letGo();
    expect((await creating).order).toMatchObject({
      status: OrderStatus.CANCELLED,
      cancelReason: CancelReason.RESERVATION_EXPIRED,
    });
  });
});

describe('expiry before payment', () => {
  test('an order whose stock was given away while nobody drove it is not charged', async () => {
    const sku = await shop.stocked(1n);
    const available = async () => (await shop.stockOf(sku)).available;
    const disarm = armDebugPoint('commerce.order.after-reserve', async () => {
      disarm();
      shop.network.clock.advance({ minutes: 20 });
      await expect.poll(available, { timeout: 10_000 }).toBe(1n);
      throw new Error('the driver dies');
    });
    const { order } = await shop.orders.createOrder(shop.wanted(sku), as());
    expect(order).toMatchObject({
      status: OrderStatus.CANCELLED,
      cancelReason: CancelReason.RESERVATION_EXPIRED,
    });
    expect(await shop.chargesOf(order!.orderId)).toBe(0);
  });
});

describe('orders of others', () => {
  test('look as if they did not exist', async () => {
    const sku = await shop.stocked(1n);
    const { order } = await shop.orders.createOrder(shop.wanted(sku), as());
    const stranger = as(await shop.network.person());
    const { orderId } = order!;
    const notFound = { code: 'not_found', reason: 'ORDER_NOT_FOUND' };
    await expect(shop.orders.getOrder({ orderId }, stranger)).rejects.toMatchObject(notFound);
    const cancel = { requestId: uuidv7(), orderId };
    await expect(shop.orders.cancelOrder(cancel, stranger)).rejects.toMatchObject(notFound);
    const watch = shop.orders.watchOrder({ orderId }, stranger)[Symbol.asyncIterator]();
    await expect(watch.next()).rejects.toMatchObject(notFound);
    expect((await shop.orders.listOrders({}, stranger)).orders).toEqual([]);
    const list = { userId: customer.id };
    await expect(shop.orders.listOrders(list, stranger)).rejects.toMatchObject({
      reason: 'NOT_YOUR_ORDERS',
    });
    const ship = { requestId: uuidv7(), orderId };
    await expect(shop.orders.shipOrder(ship, as())).rejects.toMatchObject({
      code: 'permission_denied',
    });
  });

  test('are listed to staff: those of whoever they name, or of everybody', async () => {
    const sku = await shop.stocked(2n);
    const [ann, bob] = [customer, await shop.network.person()];
    for (const person of [ann, bob]) await shop.orders.createOrder(shop.wanted(sku), as(person));
    const whose = async (userId: string) => {
      const { orders } = await shop.orders.listOrders({ userId, pageSize: 2 }, as(shop.staff));
      return orders.map((order) => order.userId);
    };
    expect(await whose(ann.id)).toEqual([ann.id]);
    expect(await whose('')).toEqual([bob!.id, ann.id]);
  });

  test('are listed page by page, newest first, without holes', async () => {
    const sku = await shop.stocked(100n);
    const buyer = as(await shop.network.person());
    const made = await Promise.all(
      Array.from({ length: 7 }, () => shop.orders.createOrder(shop.wanted(sku), buyer)),
    );
    const ids: string[] = [];
    let pageToken = '';
    do {
      const page = await shop.orders.listOrders({ pageSize: 3, pageToken }, buyer);
      ids.push(...page.orders.map(({ orderId }) => orderId));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(ids).toEqual(
      made
        .map(({ order }) => order!.orderId)
        .sort()
        .reverse(),
    );
  });
});
