import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { uuidv7 } from '#kit/ids.ts';
import type { Network } from '#kit/testing/network.ts';
import { runs } from '#kit/testing/property.ts';
import { type CountedDatabase, countStatements } from '#kit/testing/statements.ts';
import { startNetwork } from '#services/testing.ts';
import { type Content, createProduct, editProduct, noteStock, type Product } from './domain.ts';
import { createStore, type Store } from './store.ts';
import { newSku } from './testing.ts';

let network: Network;
let counted: CountedDatabase;
let store: Store;

beforeAll(async () => {
  network = await startNetwork(['commerce.product']);
  counted = countStatements(network, 'commerce.product');
  store = createStore(counted.database);
});
afterAll(async () => {
  await counted.close();
  await network.stop();
});

const variant = (sku: string) => ({
  sku,
  title: '',
  currency: 'EUR',
  unitMinor: 1n,
  imageUrls: [],
  attributes: {},
});

function newProduct(more: Partial<Content> = {}, variantCount = 1): Product {
  const content: Content = {
    title: 'Runner',
    description: '',
    localizedTexts: {},
    category: 'shoes',
    brand: '',
    status: 'AVAILABLE',
    variants: Array.from({ length: variantCount }, () => variant(newSku())),
    ...more,
  };
  return createProduct(uuidv7(), content, 1);
}

function save(...changes: [before: Product | undefined, after: Product][]): Promise<void> {
  return counted.database.transaction((tx) =>
    store.save(
      tx,
      changes.map(([before, after]) => ({ before, after })),
    ),
  );
}

describe('the number of statements', () => {
  const sizes = [1, 20, 100];

  async function costs(work: (size: number) => Promise<() => Promise<unknown>>) {
    const out: number[] = [];
    for (const size of sizes) out.push(await counted.statementsOf(await work(size)));
    return out;
  }

  test('of a new product is 5, whatever its variants', async () => {
    const found = await costs(async (size) => () => save([undefined, newProduct({}, size)]));
    expect(found).toEqual([5, 5, 5]); // begin, product, variants, event, commit
  });

  test('of an edit is 6 at most, and the lock takes 2', async () => {
    const found = await costs(async (size) => {
      const before = newProduct({}, size);
      await save([undefined, before]);
      const variants = [...before.variants.slice(1), variant(newSku())];
      const after = editProduct(before, { expected: 1n, changes: { variants }, now: 2 });
      return () => save([before, after]);
    });
    expect(found).toEqual([6, 6, 6]); // begin, product, removed, variants, event, commit
    const { productId } = newProduct();
    const { transaction } = counted.database;
    expect(
      await counted.statementsOf(() => transaction((tx) => store.lockProducts(tx, [productId]))),
    ).toBe(4);
  });

  test('of following the stock of many products is 5', async () => {
    const found = await costs(async (size) => {
      const products = Array.from({ length: size }, () => newProduct());
      await save(...products.map((each): [undefined, Product] => [undefined, each]));
      const emptied = products.map((before): [Product, Product] => {
        const inStock = new Map(before.variants.map(({ sku }) => [sku, false]));
        return [before, noteStock(before, inStock, 2)];
      });
      return () => save(...emptied);
    });
    expect(found).toEqual([5, 5, 5]); // begin, products, variants, events, commit
  });

  test('of each read is 1', async () => {
    const products = Array.from({ length: 100 }, () => newProduct());
    await save(...products.map((each): [undefined, Product] => [undefined, each]));
    const ids = products.map(({ productId }) => productId);
    const skus = products.map(({ variants }) => variants[0]!.sku);
    const all = { category: '', brand: '', status: undefined };
    expect(await costs(async (size) => () => store.readProducts(ids.slice(0, size)))).toEqual([
      1, 1, 1,
    ]);
    expect(await costs(async (size) => () => store.readPrices(skus.slice(0, size)))).toEqual([
      1, 1, 1,
    ]);
    expect(await costs(async (size) => () => store.listIds(all, undefined, size))).toEqual([
      1, 1, 1,
    ]);
  });
});

describe('pages', () => {
  test('have no holes and no repeats while products are added and go', async () => {
    const scenario = fc.record({
      count: fc.integer({ min: 0, max: 30 }),
      pageSize: fc.integer({ min: 1, max: 7 }),
      disturbances: fc.array(fc.constantFrom('add', 'discontinue', 'nothing'), { maxLength: 12 }),
    });
    const property = fc.asyncProperty(scenario, async ({ count, pageSize, disturbances }) => {
      const category = uuidv7();
      const other = uuidv7();
      const products = Array.from({ length: count }, (_, i) =>
        newProduct({ category: i % 3 === 2 ? other : category }),
      );
      await save(...products.map((each): [undefined, Product] => [undefined, each]));
      const isGone = new Set<string>();
      const seen: string[] = [];
      for (let before: string | undefined; ; ) {
        const filter = { category, brand: '', status: undefined };
        const ids = await store.listIds(filter, before, pageSize);
        seen.push(...ids);
        before = ids.at(-1);
        if (ids.length < pageSize) break;
        await disturb(disturbances.shift(), category, products, isGone);
      }
      const stayed = products.filter((each) => each.category === category);
      const expected = stayed.map(({ productId }) => productId).filter((id) => !isGone.has(id));
      expect(seen).toEqual(seen.toSorted().reverse());
      expect(new Set(seen).size).toBe(seen.length);
      expect(expected.filter((id) => !seen.includes(id))).toEqual([]);
      const known = new Set(stayed.map(({ productId }) => productId));
      expect(seen.filter((id) => !known.has(id))).toEqual([]);
    });
    await fc.assert(property, runs(60));
  });

  async function disturb(
    what: string | undefined,
    category: string,
    products: readonly Product[],
    isGone: Set<string>,
  ): Promise<void> {
    if (what === 'add') await save([undefined, newProduct({ category })]);
    const before = products.find(({ productId }) => !isGone.has(productId));
    if (what !== 'discontinue' || before === undefined) return;
    isGone.add(before.productId);
    const changes = { status: 'DISCONTINUED' as const };
    await save([before, editProduct(before, { expected: 1n, changes, now: 2 })]);
  }
});
