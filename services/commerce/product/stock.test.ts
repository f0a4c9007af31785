import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InventoryService, StockChangedSchema } from '#gen/commerce/inventory/v1/inventory_pb.ts';
import {
  type Product,
  ProductService,
  ProductStatus,
} from '#gen/commerce/product/v1/product_pb.ts';
import { event } from '#kit/bus/event.ts';
import { publish } from '#kit/db/outbox.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Network, Person } from '#kit/testing/network.ts';
import { runs } from '#kit/testing/property.ts';
import { startNetwork } from '#services/testing.ts';
import { newSku, staffOf, variantOf } from './testing.ts';

const { AVAILABLE, OUT_OF_STOCK, DISCONTINUED } = ProductStatus;
const names = ['commerce.inventory', 'commerce.product'];
let network: Network;
let second: Network;
let person: Person;
let staff: ReturnType<typeof staffOf>;

beforeAll(async () => {
  network = await startNetwork(names);
  second = await startNetwork(names, { joins: network });
  person = await network.person({ roles: ['staff'] });
  staff = staffOf(network, person);
});
afterAll(async () => {
  await second.stop();
  await network.stop();
});

function setStock(sku: string, onHand: bigint, by = person) {
  const inventory = network.client(InventoryService, 'commerce.inventory');
  const { headers } = by;
  return inventory.setStock({ requestId: uuidv7(), sku, onHand }, { headers });
}

async function read({ productId }: Product): Promise<Product> {
  const reader = network.client(ProductService, 'commerce.product', { service: 'commerce.order' });
  return (await reader.getProduct({ productId })).product!;
}

async function settled(product: Product): Promise<Product> {
  await network.settle();
  return read(product);
}

describe('the status of a product', () => {
  test('follows the last unit that goes and the first that comes', async () => {
    const [a, b] = [newSku(), newSku()];
    const product = await staff.create({ variants: [variantOf(a), variantOf(b)] });
    await setStock(a, 0n);
    expect(await settled(product)).toMatchObject({ status: AVAILABLE, version: 1n });
    await setStock(b, 0n);
    expect(await settled(product)).toMatchObject({ status: OUT_OF_STOCK, version: 2n });
    await setStock(b, 3n);
    expect(await settled(product)).toMatchObject({ status: AVAILABLE, version: 3n });
    const { variants } = await staff.client.batchGetVariants({ skus: [a] });
    expect(variants[0]!.status).toBe(AVAILABLE);
  });

  test('stays DISCONTINUED', async () => {
    const sku = newSku();
    const product = await staff.create({ variants: [variantOf(sku)] });
    await staff.update(product, { status: DISCONTINUED });
    for (const onHand of [0n, 1n, 0n]) await setStock(sku, onHand);
    expect(await settled(product)).toMatchObject({ status: DISCONTINUED, version: 2n });
  });

  test('is not misled by an event that comes late', async () => {
    const sku = newSku();
    const product = await staff.create({ variants: [variantOf(sku)] });
    await setStock(sku, 0n);
    await setStock(sku, 5n);
    expect(await settled(product)).toMatchObject({ status: AVAILABLE });
    const { database } = network.service('commerce.inventory');
    const stale = event(StockChangedSchema, sku, { stocks: [{ sku, available: 0n, version: 1n }] });
    await database.transaction(async (tx) => publish(database, tx, [stale]));
    expect(await settled(product)).toMatchObject({ status: AVAILABLE });
  });

  test('is that of the stock in the end, whatever two processes did in between', async () => {
    const skus = Array.from({ length: 4 }, newSku);
    const products: Product[] = [];
    for (const pair of [skus.slice(0, 2), skus.slice(2)]) {
      products.push(await staff.create({ variants: pair.map((sku) => variantOf(sku)) }));
    }
    const level = fc.tuple(fc.constantFrom(...skus), fc.constantFrom(0n, 0n, 1n));
    const history = fc.array(level, { minLength: 8, maxLength: 16 });
    const property = fc.asyncProperty(history, async (changes) => {
      // A person of its own each time: people may only set so many stocks a minute.
      const by = await network.person({ roles: ['staff'] });
      for (const sku of skus) await setStock(sku, 0n, by);
      const last = new Map(skus.map((sku) => [sku, 0n]));
      for (const [sku, onHand] of changes) {
        await setStock(sku, onHand, by);
        last.set(sku, onHand);
      }
      await network.settle();
      for (const product of products) {
        const hasStock = product.variants.some(({ sku }) => last.get(sku)! > 0n);
        const { status } = await read(product);
        expect(status).toBe(hasStock ? AVAILABLE : OUT_OF_STOCK);
      }
    });
    await fc.assert(property, runs(6));
  });
});
