import { fromBinary } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest';
import {
  InventoryService,
  type Stock,
  StockChangedSchema,
} from '#gen/commerce/inventory/v1/inventory_pb.ts';
import { connectBus } from '#kit/bus/bus.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Client } from '#kit/rpc/client/client.ts';
import type { Network, Person } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';
import { newSku, reserveRequest, stockOf } from './testing.ts';

let network: Network;
let staff: Person;
let stock: ReturnType<typeof stockOf>;

beforeAll(async () => {
  network = await startNetwork(['commerce.inventory']);
  staff = await network.person({ roles: ['staff'] });
  stock = stockOf(network, staff);
});
afterAll(() => network.stop());

type Inventory = Client<typeof InventoryService>;
type Options = { headers: Record<string, string> };

const inventoryAs = (service?: string): Inventory =>
  network.client(InventoryService, 'commerce.inventory', { service });

const setRequest = (more: object) => ({ requestId: uuidv7(), sku: newSku(), onHand: 1n, ...more });

const adjustRequest = (more: object) => ({
  requestId: uuidv7(),
  sku: newSku(),
  delta: 1n,
  reason: 'received',
  ...more,
});

describe('bad input', () => {
  const line = { sku: 'A', quantity: 1n };
  const wanted = (more: object) => ({ ...reserveRequest('A'), ...more });
  const bad: [string, (inventory: Inventory, options: Options) => Promise<unknown>, string][] = [
    ['no SKU', (it) => it.getStock({ sku: '' }), 'sku'],
    ['a SKU that is too long', (it) => it.getStock({ sku: 'x'.repeat(65) }), 'sku'],
    ['a SKU with U+0000', (it) => it.getStock({ sku: 'a\0' }), 'sku'],
    ['no SKUs', (it) => it.batchGetStock({ skus: [] }), 'skus'],
    ['too many SKUs', (it) => it.batchGetStock({ skus: Array(1_001).fill('A') }), 'skus'],
    [
      'a request id that is none',
      (it, by) => it.setStock(setRequest({ requestId: '1' }), by),
      'request_id',
    ],
    ['less than nothing', (it, by) => it.setStock(setRequest({ onHand: -1n }), by), 'on_hand'],
    [
      'more than the limit',
      (it, by) => it.setStock(setRequest({ onHand: 1_000_000_001n }), by),
      'on_hand',
    ],
    ['a change by nothing', (it, by) => it.adjustStock(adjustRequest({ delta: 0n }), by), 'delta'],
    [
      'a change without reason',
      (it, by) => it.adjustStock(adjustRequest({ reason: '' }), by),
      'reason',
    ],
    ['an order that is none', (it) => it.reserveStock(wanted({ orderId: 'x' })), 'order_id'],
    ['an order of nothing', (it) => it.reserveStock(wanted({ lines: [] })), 'lines'],
    ['too many lines', (it) => it.reserveStock(wanted({ lines: Array(201).fill(line) })), 'lines'],
    [
      'a line of nothing',
      (it) => it.reserveStock(wanted({ lines: [{ ...line, quantity: 0n }] })),
      'lines[0].quantity',
    ],
    [
      'a hold of more than a day',
      (it) => it.reserveStock(wanted({ holdSeconds: 86_401 })),
      'hold_seconds',
    ],
  ];

  test.each(bad)('is refused by the name of its field: %s', async (_, call, field) => {
    const answer = call(inventoryAs('commerce.order'), { headers: staff.headers });
    await expect(answer).rejects.toMatchObject({
      code: 'invalid_argument',
      reason: 'FIELD_INVALID',
      violations: [{ field }],
    });
  });

  test('of one caller harms none of those who call at the same moment', async () => {
    const sku = newSku();
    await stock.set(sku, 100n);
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) =>
        stock.order.reserveStock(reserveRequest(i % 4 === 0 ? `${sku}\0` : sku)),
      ),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(15);
  });

  test('is not what an id in capitals is', async () => {
    const sku = newSku();
    await stock.set(sku, 5n);
    const request = reserveRequest(sku);
    await stock.order.reserveStock({ ...request, orderId: request.orderId.toUpperCase() });
    const { reservation } = await stock.commit(request.orderId);
    expect(reservation!.orderId).toBe(request.orderId);
    await stock.release(request.orderId.toUpperCase());
    expect(await stock.read(sku)).toMatchObject({ onHand: 5n });
  });
});

describe('who may do what', () => {
  test('a customer reads stock and changes none', async () => {
    const { headers } = await network.person();
    const sku = newSku();
    await stock.set(sku, 7n);
    const inventory = inventoryAs();
    const { stock: seen } = await inventory.getStock({ sku }, { headers });
    expect(seen!.available).toBe(7n);
    const { orderId } = reserveRequest(sku);
    for (const call of [
      inventory.setStock(setRequest({ sku }), { headers }),
      inventory.adjustStock(adjustRequest({ sku }), { headers }),
      inventory.reserveStock(reserveRequest(sku), { headers }),
      inventory.commitReservation({ requestId: uuidv7(), orderId }, { headers }),
      inventory.releaseStock({ requestId: uuidv7(), orderId }, { headers }),
    ]) {
      await expect(call).rejects.toMatchObject({
        code: 'permission_denied',
        reason: 'CALLER_NOT_ALLOWED',
      });
    }
    expect(await stock.read(sku)).toMatchObject({ onHand: 7n, reserved: 0n });
  });

  test('staff count stock, and reserve none', async () => {
    const { headers } = staff;
    const sku = newSku();
    await inventoryAs().setStock(setRequest({ sku }), { headers });
    await expect(
      inventoryAs().reserveStock(reserveRequest(sku), { headers }),
    ).rejects.toMatchObject({ reason: 'CALLER_NOT_ALLOWED' });
  });

  test('services other than commerce.order reserve none', async () => {
    const cart = inventoryAs('commerce.cart');
    await expect(cart.reserveStock(reserveRequest(newSku()))).rejects.toMatchObject({
      reason: 'CALLER_NOT_ALLOWED',
    });
  });
});

test('a stock says when it last changed, wherever it is told', async () => {
  const namespace = new URL(network.databaseUrl).pathname.slice(1);
  const bus = await connectBus({ url: inject('servers').natsUrl, namespace, name: 'test' });
  onTestFinished(() => bus.close());
  const heard: Stock[] = [];
  bus.listen(StockChangedSchema.typeName, (payload) => {
    heard.push(...fromBinary(StockChangedSchema, payload).stocks);
  });
  const sku = newSku();
  const changes = [
    async () => (await stock.set(sku, 5n)).stock,
    async () => (await stock.adjust(sku, -1n)).stock,
    async () => {
      await stock.order.reserveStock(reserveRequest(sku));
      return undefined;
    },
  ];
  for (const change of changes) {
    network.clock.advance({ hours: 1 });
    const before = network.clock.now();
    const answered = await change();
    const { stock: read } = await stock.order.getStock({ sku });
    const updatedAt = timestampMs(read!.updateTime!);
    expect(updatedAt).toBeGreaterThanOrEqual(before);
    expect(updatedAt).toBeLessThanOrEqual(network.clock.now());
    if (answered !== undefined) expect(answered).toEqual(read);
    await expect.poll(() => heard.at(-1)).toEqual(read);
  }
});
