import { afterAll, beforeAll, expect, test } from 'vitest';
import { StockMovementKind } from '#gen/commerce/inventory/v1/inventory_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
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

const { COUNTED, ADJUSTED } = StockMovementKind;

test('what staff change of a stock is kept: who, why, by how many units, the newest first', async () => {
  const sku = newSku();
  const [counted, damaged] = [uuidv7(), uuidv7()];
  await stock.set(sku, 10n, counted);
  await stock.adjust(sku, -3n, damaged, 'damaged: "fell" — 掉了');
  const { movements, nextPageToken } = await stock.movements(sku);
  const { stock: now } = await stock.order.getStock({ sku });
  expect(movements[0]!.createTime).toEqual(now!.updateTime);
  const by = { sku, staffId: staff.id };
  expect(movements).toMatchObject([
    {
      ...by,
      kind: ADJUSTED,
      delta: -3n,
      onHand: 7n,
      reason: 'damaged: "fell" — 掉了',
      requestId: damaged,
    },
    { ...by, kind: COUNTED, delta: 10n, onHand: 10n, reason: '', requestId: counted },
  ]);
  expect(nextPageToken).toBe('');
});

test('a count is kept with the difference that it found, none included', async () => {
  const sku = newSku();
  for (const onHand of [5n, 5n, 2n]) await stock.set(sku, onHand);
  const { movements } = await stock.movements(sku);
  expect(movements.map(({ delta }) => delta)).toEqual([-3n, 0n, 5n]);
});

test('a request that is repeated is one movement, one that is refused is none', async () => {
  const sku = newSku();
  const requestId = uuidv7();
  await stock.set(sku, 2n);
  await Promise.all(Array.from({ length: 8 }, () => stock.adjust(sku, 1n, requestId)));
  await expect(stock.adjust(sku, -9n)).rejects.toMatchObject({ reason: 'INSUFFICIENT_STOCK' });
  const { movements } = await stock.movements(sku);
  expect(movements.map(({ delta }) => delta)).toEqual([1n, 2n]);
});

test('what orders hold and buy is no movement', async () => {
  const sku = newSku();
  await stock.set(sku, 4n);
  const request = reserveRequest(sku, 3n);
  await stock.order.reserveStock(request);
  await stock.commit(request.orderId);
  expect((await stock.movements(sku)).movements).toHaveLength(1);
});

test('pages show each movement once, also when more are made meanwhile', async () => {
  const sku = newSku();
  for (let i = 1n; i <= 5n; i += 1n) await stock.set(sku, i);
  const first = await stock.movements(sku, { pageSize: 2 });
  await stock.set(sku, 99n);
  const second = await stock.movements(sku, { pageSize: 2, pageToken: first.nextPageToken });
  const third = await stock.movements(sku, { pageSize: 2, pageToken: second.nextPageToken });
  const pages = [first, second, third].map(({ movements }) => movements.map((one) => one.onHand));
  expect(pages).toEqual([[5n, 4n], [3n, 2n], [1n]]);
  expect(third.nextPageToken).toBe('');
  const { nextPageToken: pageToken } = first;
  await expect(stock.movements(newSku(), { pageToken })).rejects.toMatchObject({
    reason: 'INVALID_PAGE_TOKEN',
  });
});

test('a SKU that nobody stocked has none', async () => {
  expect(await stock.movements(newSku())).toMatchObject({ movements: [], nextPageToken: '' });
});
