import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { CancelReason, OrderStatus } from '#gen/commerce/order/v1/order_pb.ts';
import { PaymentStatus } from '#gen/finance/payment/v1/payment_pb.ts';
import { armDebugPoint } from '#kit/debug.ts';
import { RpcError } from '#kit/errors.ts';
import { uuidv7 } from '#kit/ids.ts';
import { holdAt } from '#kit/testing/hold.ts';
import { limits } from './domain.ts';
import { type OrderRequest, type Shop, startShop } from './testing.ts';

const domain = 'commerce.order.v1.OrderService';
const others = ['commerce.product', 'commerce.inventory', 'finance.payment'];
let shop: Shop;
/** The headers of a new person for each test, for people are rate limited. */
let headers: Record<string, string>;

beforeAll(async () => {
  shop = await startShop({ wiresTo: others });
});
beforeEach(async () => {
  ({ headers } = await shop.network.person());
  // The order service finds those that were away again by itself, after a pause: each test begins with all of them.
  const earlier = await shop.network.person();
  await untilPaid(shop.wanted(await shop.stocked(1n)), earlier.headers);
});
afterEach(async () => {
  for (const name of others) shop.network.wireTo(name).mend();
  await shop.expectSound();
});
afterAll(() => shop.stop());

/**
 * Orders, and answers the refusal for this reason. At the deadline the client gives up by itself, and its error has no
 * reason: one that has a reason came from the service, and in time. A run in which the machine was too slow for any
 * answer proves nothing: then `wanted` is asked for again.
 */
async function refusalOf(
  wanted: () => OrderRequest,
  timeoutMs: number,
  reason = 'ORDER_IN_PROGRESS',
): Promise<RpcError> {
  for (let run = 0; run < runsMax; run += 1) {
    const [error, couldAnswer] = await Promise.all([
      shop.orders.createOrder(wanted(), { headers, timeoutMs }).catch((e) => e),
      isAnsweredBeside(timeoutMs),
    ]);
    expect(error).toBeInstanceOf(RpcError);
    if (error.reason === reason) return error;
    expect(couldAnswer, `others were answered in time, and CreateOrder said: ${error}`).toBe(false);
  }
  throw new Error(`in ${runsMax} runs nobody was answered within ${timeoutMs} ms`);
}

const runsMax = 20;

/**
 * Whether the service answered others in half of the time that CreateOrder keeps for its answer: one who asks together
 * with it, and one who asks when it has to give up. Theirs take the same way: there, to the writer of orders, and back.
 */
async function isAnsweredBeside(timeoutMs: number): Promise<boolean> {
  const startedAt = performance.now();
  const spareMs = limits.answerReserveMs / 2;
  const giveUpMs = timeoutMs - limits.answerReserveMs;
  const isGivenUp = new Promise((resolve) => setTimeout(resolve, giveUpMs));
  const answeredMs = async () => {
    const nobodys = { requestId: uuidv7(), orderId: uuidv7() };
    await expect(shop.orders.cancelOrder(nobodys, { headers })).rejects.toMatchObject({
      reason: 'ORDER_NOT_FOUND',
    });
    return performance.now() - startedAt;
  };
  const [firstMs] = await Promise.all([answeredMs(), isGivenUp]);
  return firstMs < spareMs && (await answeredMs()) < giveUpMs + spareMs;
}

function expectInProgress(error: RpcError): string {
  expect(error).toMatchObject({ code: 'deadline_exceeded', reason: 'ORDER_IN_PROGRESS', domain });
  const { order_id: orderId, ...rest } = error.metadata;
  expect(rest).toEqual({});
  return orderId!;
}

/** Asks again until the order is paid, as a customer does whom a service that was away has kept waiting. */
async function untilPaid(request: OrderRequest, as = headers): Promise<void> {
  const outcome = () =>
    shop.orders.createOrder(request, { headers: as }).then(
      ({ order }) => order!.status,
      ({ reason }) => reason,
    );
  await expect.poll(outcome, { timeout: 10_000, interval: 200 }).toBe(OrderStatus.PAID);
}

async function orderOf(orderId: string) {
  const { order } = await shop.orders.getOrder({ orderId }, { headers });
  return order!;
}

const ways = ['cut', 'hush'] as const;
const deadlinesMs = [300, 1_500];
const ends = ways.flatMap((way) => deadlinesMs.map((timeoutMs) => ({ way, timeoutMs })));
const outages = ['commerce.inventory', 'finance.payment'].flatMap((service) =>
  ends.map((end) => ({ service, ...end })),
);

describe('CreateOrder with a service that is away', () => {
  test.each(outages)(
    'says within $timeoutMs ms that the order is in progress: $service, $way',
    async ({ service, way, timeoutMs }) => {
      const sku = await shop.stocked(1n);
      const request = shop.wanted(sku);
      const wire = shop.network.wireTo(service);
      wire[way]();
      const refusal = await refusalOf(() => request, timeoutMs);
      wire.mend();
      const orderId = expectInProgress(refusal);
      await shop.settle();
      expect(await orderOf(orderId)).toMatchObject({ status: OrderStatus.PAID });
      const { order } = await shop.orders.createOrder(request, { headers });
      expect(order).toMatchObject({ orderId, status: OrderStatus.PAID });
    },
  );

  test.each(ends)(
    'begins nothing without a catalogue and says so within $timeoutMs ms: $way',
    async ({ way, timeoutMs }) => {
      const sku = await shop.stocked(1n);
      const request = shop.wanted(sku);
      const wire = shop.network.wireTo('commerce.product');
      wire[way]();
      const refusal = await refusalOf(() => request, timeoutMs, 'CATALOGUE_UNAVAILABLE');
      const begun = await shop.orders.listOrders({}, { headers });
      wire.mend();
      expect(refusal).toMatchObject({
        code: 'unavailable',
        reason: 'CATALOGUE_UNAVAILABLE',
        domain,
      });
      expect(refusal.metadata).toEqual({});
      expect(begun.orders).toEqual([]);
      // Nothing was begun, so nothing was recorded: the same request buys once the catalogue is back.
      await untilPaid(request);
    },
  );

  test.each(ways)(
    'repeated without a catalogue joins the order that is under way, and later has its answer: %s',
    async (way) => {
      const sku = await shop.stocked(1n);
      const request = shop.wanted(sku);
      const stock = shop.network.wireTo('commerce.inventory');
      const catalogue = shop.network.wireTo('commerce.product');
      stock.cut();
      const orderId = expectInProgress(await refusalOf(() => request, 1_500));
      catalogue[way]();
      expect(expectInProgress(await refusalOf(() => request, 1_500))).toBe(orderId);
      stock.mend();
      await shop.settle();
      const { order } = await shop.orders.createOrder(request, { headers });
      expect(order).toMatchObject({ orderId, status: OrderStatus.PAID });
      const other = { ...request, paymentToken: 'tok_other' };
      await expect(shop.orders.createOrder(other, { headers })).rejects.toMatchObject({
        reason: 'REQUEST_ID_REUSED',
      });
    },
  );

  test('with less time than an answer takes blames the deadline, not the catalogue', async () => {
    const request = shop.wanted(await shop.stocked(1n));
    const timeoutMs = limits.answerReserveMs - 1;
    const refused = shop.orders.createOrder(request, { headers, timeoutMs });
    await expect(refused).rejects.toMatchObject({ code: 'deadline_exceeded' });
    expect((await shop.orders.listOrders({}, { headers })).orders).toEqual([]);
  });

  test('goes on to be paid, however long its stock could not be held', async () => {
    const sku = await shop.stocked(1n);
    const request = shop.wanted(sku);
    const wire = shop.network.wireTo('commerce.inventory');
    wire.cut();
    const orderId = expectInProgress(await refusalOf(() => request, 300));
    shop.network.clock.advance({ milliseconds: 10 * limits.paymentMsMax });
    wire.mend();
    await shop.settle();
    expect(await orderOf(orderId)).toMatchObject({ status: OrderStatus.PAID });
  });

  test('keeps a payment that was taken while nobody could look for long', async () => {
    const sku = await shop.stocked(1n);
    const disarm = armDebugPoint('commerce.order.after-payment', () => {
      disarm();
      shop.network.clock.advance({ milliseconds: limits.paymentMsMax + 1 });
      throw new Error('the driver dies');
    });
    const { order } = await shop.orders.createOrder(shop.wanted(sku), { headers });
    expect(order).toMatchObject({ status: OrderStatus.PAID });
    expect(await shop.chargesOf(order!.orderId)).toBe(1);
  });

  test.each([
    ['commerce.order.after-reserve', PaymentStatus.VOIDED],
    ['finance.payment.before-charge', PaymentStatus.REFUNDED],
    ['finance.payment.after-record', PaymentStatus.REFUNDED],
  ])('gives up a payment of which nothing is heard from %s on', async (point, ending) => {
    const sku = await shop.stocked(1n);
    const request = shop.wanted(sku);
    const hold = holdAt(point, 1);
    const wire = shop.network.wireTo('finance.payment');
    const refused = refusalOf(() => request, 1_500);
    await hold.reached;
    wire.cut();
    hold.letGo();
    const orderId = expectInProgress(await refused);
    shop.network.clock.advance({ milliseconds: limits.paymentMsMax + 1 });
    const timedOut = {
      status: OrderStatus.CANCELLED,
      cancelReason: CancelReason.PAYMENT_TIMED_OUT,
    };
    await expect.poll(() => orderOf(orderId), { timeout: 10_000 }).toMatchObject(timedOut);
    // Others may buy it while the payment is still away.
    const available = async () => (await shop.stockOf(sku)).available;
    await expect.poll(available, { timeout: 10_000 }).toBe(1n);
    wire.mend();
    await shop.settle();
    expect((await shop.paymentOf(orderId)).status).toBe(ending);
    expect(await orderOf(orderId)).toMatchObject(timedOut);
  });
});

describe('CreateOrder with a card that takes two seconds', () => {
  test('answers with the paid order when its deadline allows', async () => {
    const sku = await shop.stocked(1n);
    const request = shop.wanted(sku, { paymentToken: 'tok_slow_2000' });
    const { order } = await shop.orders.createOrder(request, { headers, timeoutMs: 8_000 });
    expect(order).toMatchObject({ status: OrderStatus.PAID });
    expect(await shop.chargesOf(order!.orderId)).toBe(1);
  });

  test.each(deadlinesMs)('says within %i ms that the order is in progress', async (timeoutMs) => {
    const sku = await shop.stocked(BigInt(runsMax));
    const wanted = () => shop.wanted(sku, { paymentToken: 'tok_slow_2000' });
    const orderId = expectInProgress(await refusalOf(wanted, timeoutMs));
    await shop.settle();
    expect(await orderOf(orderId)).toMatchObject({ status: OrderStatus.PAID });
    expect(await shop.chargesOf(orderId)).toBe(1);
  });
});

describe('CreateOrder with a payment service that is hard to reach', () => {
  const payment = () => shop.network.wireTo('finance.payment');
  const faults: [string, () => void][] = [
    ['requests take two seconds', () => payment().delay({ there: 2_000 })],
    ['answers take two seconds', () => payment().delay({ back: 2_000 })],
    ['requests are lost', () => payment().hush('there')],
    ['answers are lost', () => payment().hush('back')],
  ];

  test.each(faults)(
    'says in time that the order is in progress, and pays it once: its %s',
    async (_, harm) => {
      const sku = await shop.stocked(1n);
      const request = shop.wanted(sku);
      harm();
      const orderId = expectInProgress(await refusalOf(() => request, 1_500));
      expect(await shop.stockOf(sku)).toEqual({ onHand: 1n, reserved: 1n, available: 0n });
      payment().mend();
      await shop.settle();
      expect(await orderOf(orderId)).toMatchObject({ status: OrderStatus.PAID });
      expect(await shop.chargesOf(orderId)).toBe(1);
      expect(await shop.stockOf(sku)).toEqual({ onHand: 0n, reserved: 0n, available: 0n });
    },
  );

  test('pays the order once while it is as slow as ever, and holds no stock after it', async () => {
    const sku = await shop.stocked(1n);
    payment().delay({ there: 2_000 });
    const request = shop.wanted(sku);
    const orderId = expectInProgress(await refusalOf(() => request, 1_500));
    await shop.settle();
    expect(await orderOf(orderId)).toMatchObject({ status: OrderStatus.PAID });
    expect(await shop.chargesOf(orderId)).toBe(1);
    expect(await shop.stockOf(sku)).toEqual({ onHand: 0n, reserved: 0n, available: 0n });
  });

  test('gives up a payment that took too long to reach, and holds neither stock nor money', async () => {
    const sku = await shop.stocked(1n);
    payment().hush('there');
    const request = shop.wanted(sku);
    const orderId = expectInProgress(await refusalOf(() => request, 1_500));
    shop.network.clock.advance({ milliseconds: limits.paymentMsMax + 1 });
    const available = async () => (await shop.stockOf(sku)).available;
    await expect.poll(available, { timeout: 20_000 }).toBe(1n);
    expect(await orderOf(orderId)).toMatchObject({
      status: OrderStatus.CANCELLED,
      cancelReason: CancelReason.PAYMENT_TIMED_OUT,
    });
    payment().mend();
    await shop.settle();
    const { capturedMinor, refundedMinor } = await shop.paymentOf(orderId);
    expect(refundedMinor).toBe(capturedMinor);
  });
});
