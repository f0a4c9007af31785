import { createGrpcTransport } from '@connectrpc/connect-node';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { InventoryService } from '#gen/commerce/inventory/v1/inventory_pb.ts';
import { CancelReason, OrderStatus } from '#gen/commerce/order/v1/order_pb.ts';
import { PaymentService, PaymentStatus } from '#gen/finance/payment/v1/payment_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import { meshOptionsOf } from '#tools/chaos/mesh.ts';
import { shop } from '#tools/chaos/shop/system.ts';
import type { MeshProcess } from '#tools/mesh/process.ts';
import { startTestMesh, type TestMesh } from '../support/mesh.ts';
import { newShopper, putOnSale, type Shopper } from '../support/shopper.ts';

/** Deaths at the places of an order's way that chaos runs leave out, for what leads there takes too long for them. */

const patience = { timeout: 60_000, interval: 100 };
let mesh: TestMesh;
let sql: postgres.Sql;
let shopper: Shopper;

beforeAll(async () => {
  mesh = await startTestMesh('service', meshOptionsOf(shop));
  sql = postgres(mesh.servers.databaseUrl, { max: 1, onnotice: () => {} });
  const baseUrl = `http://${mesh.addressOf('platform.gateway')}`;
  shopper = await newShopper(createGrpcTransport({ baseUrl }));
});
afterAll(async () => {
  await sql?.end();
  await mesh?.stop();
});

const processOf = (name: string): MeshProcess =>
  mesh.processes.find((process) => process.name === name)!;

/** Ends the order service, and lets its next life die at a place. `work` begins in that life; resolves in the one after. */
async function dieAt(place: string, work?: () => Promise<void>): Promise<void> {
  const orders = processOf('commerce.order');
  orders.armLives([{ MESHWORK_DEBUG_POINTS: `commerce.order.${place}=kill` }]);
  const { restarts } = orders;
  orders.kill('SIGKILL');
  await expect.poll(() => orders.restarts, patience).toBeGreaterThan(restarts);
  await orders.ready();
  await work?.();
  await expect.poll(() => orders.restarts, patience).toBe(restarts + 2);
  await orders.ready();
}

async function orderOf(orderId: string) {
  const orders = shopper.orders;
  const { order } = await orders.getOrder({ orderId }, { headers: shopper.headers });
  return order!;
}

/** The order that was begun last, once it has come to a step. */
async function orderAt(step: string): Promise<string> {
  let found: string | undefined;
  await expect
    .poll(async () => {
      const [row] = await sql`
        select order_id, step from commerce_order.customer_order order by order_id desc limit 1`;
      found = row?.order_id;
      return row?.step;
    }, patience)
    .toBe(step);
  return found!;
}

async function expectUndone(orderId: string, sku: string, cancelReason: CancelReason) {
  const status = OrderStatus.CANCELLED;
  await expect.poll(() => orderOf(orderId), patience).toMatchObject({ status, cancelReason });
  const { stock } = await mesh
    .client(InventoryService, 'commerce.inventory')
    .getStock({ sku }, shopper);
  expect(stock).toMatchObject({ onHand: 1n, reserved: 0n, available: 1n });
}

/** Given back, or never taken: a provider that wakes up may find the charge before it finds the void. */
async function expectNothingTaken(orderId: string): Promise<void> {
  const payments = mesh.client(PaymentService, 'finance.payment');
  const status = async () => {
    const request = { key: { case: 'orderId' as const, value: orderId } };
    return (await payments.getPayment(request, shopper)).payment!.status;
  };
  await expect.poll(status, patience).toBeOneOf([PaymentStatus.VOIDED, PaymentStatus.REFUNDED]);
}

test('whoever’s goods were given away while the card was charged gets the money back, though the driver dies', async () => {
  const sku = await putOnSale(mesh, 1n);
  let orderId = '';
  await dieAt('before-reservation_lost', async () => {
    const asOrders = { service: 'commerce.order' };
    const inventory = mesh.client(InventoryService, 'commerce.inventory', asOrders);
    void shopper.buy(sku, 'tok_slow_800').catch(() => {});
    orderId = await orderAt('PAY');
    await inventory.releaseStock({ requestId: uuidv7(), orderId });
  });
  await expectUndone(orderId, sku, CancelReason.RESERVATION_EXPIRED);
  await expectNothingTaken(orderId);
});

test('an order of whose payment nothing is heard is given up and costs nothing, though its driver dies', async () => {
  const sku = await putOnSale(mesh, 1n);
  const provider = processOf('sandbox');
  provider.kill('SIGSTOP');
  let orderId = '';
  try {
    void shopper.buy(sku, 'tok_visa').catch(() => {});
    orderId = await orderAt('PAY');
    await sql`
      update commerce_order.customer_order set updated_at = updated_at - interval '2 minutes'
      where order_id = ${orderId}`;
    await dieAt('before-payment_timed_out');
    await expectUndone(orderId, sku, CancelReason.PAYMENT_TIMED_OUT);
  } finally {
    provider.kill('SIGCONT');
  }
  await expectNothingTaken(orderId);
});
