import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Product, ProductService } from '#gen/commerce/product/v1/product_pb.ts';
import { armDebugPoint } from '#kit/debug.ts';
import { uuidv7 } from '#kit/ids.ts';
import { killTransactions } from '#kit/testing/deaths.ts';
import type { Network } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';
import { contentOf, newSku, staffOf, variantOf } from './testing.ts';

const names = ['commerce.inventory', 'commerce.product'];
let network: Network;
let second: Network;
/** The same editor's desk in two processes. */
let desks: ReturnType<typeof staffOf>[];
let disarm = () => {};

beforeAll(async () => {
  network = await startNetwork(names);
  second = await startNetwork(names, { joins: network });
  const person = await network.person({ roles: ['staff'] });
  desks = [network, second].map((each) => staffOf(each, person));
});
afterEach(() => disarm());
afterAll(async () => {
  await second.stop();
  await network.stop();
});

const desk = (i: number) => desks[i % desks.length]!;

async function read(productId: string): Promise<Product> {
  const reader = network.client(ProductService, 'commerce.product');
  return (await reader.getProduct({ productId })).product!;
}

async function countRows(productId: string): Promise<number> {
  const [row] = await network.sql`
    select (select count(*) from commerce_product.product where product_id = ${productId}) +
      (select count(*) from commerce_product.variant where product_id = ${productId}) as count`;
  return Number(row!.count);
}

function reasonsOf(results: PromiseSettledResult<unknown>[]): string[] {
  return results.flatMap((result) => (result.status === 'rejected' ? [result.reason.reason] : []));
}

/** What the next transaction meets at its debug point. */
function die(): Promise<void> {
  disarm();
  return killTransactions(network.sql, 'commerce.product');
}

describe('two editors', () => {
  test('who start from one version do not overwrite each other unseen', async () => {
    const created = await desk(0).create();
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) => desk(i).update(created, { title: `by ${i}` })),
    );
    const won = results.filter((result) => result.status === 'fulfilled');
    expect(won).toHaveLength(1);
    expect(new Set(reasonsOf(results))).toEqual(new Set(['PRODUCT_VERSION_CONFLICT']));
    expect(await read(created.productId)).toEqual(won[0]!.value);
    await expect(desk(1).update(created, { title: 'late' })).rejects.toMatchObject({
      code: 'aborted',
      metadata: { product_id: created.productId, expected: '1', version: '2' },
    });
  });

  test('who decide anew after a conflict get all their changes in', async () => {
    const { productId } = await desk(0).create({ description: '' });
    async function append(i: number): Promise<void> {
      for (;;) {
        const now = await read(productId);
        const edit = desk(i).update(now, { description: `${now.description}${i} ` });
        const error = await edit.then(
          () => undefined,
          (thrown) => thrown,
        );
        if (error === undefined) return;
        expect(error.reason).toBe('PRODUCT_VERSION_CONFLICT');
      }
    }
    await Promise.all([0, 1, 2, 3, 4, 5].map(append));
    const { description, version } = await read(productId);
    expect(description.trim().split(' ').sort()).toEqual(['0', '1', '2', '3', '4', '5']);
    expect(version).toBe(7n);
  });
});

describe('a SKU', () => {
  test('goes to one product when many ask for it at once, and the others leave no trace', async () => {
    const sku = newSku();
    const title = `for ${sku}`;
    const variants = () => [variantOf(newSku()), variantOf(sku), variantOf(newSku())];
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) => desk(i).create({ title, variants: variants() })),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(new Set(reasonsOf(results))).toEqual(new Set(['SKU_TAKEN']));
    const rows = await network.sql`select 1 from commerce_product.product where title = ${title}`;
    expect(rows).toHaveLength(1);
  });

  test('is fought for in any order without a deadlock', async () => {
    const skus = [newSku(), newSku()];
    const orders = [skus, skus.toReversed()];
    const results = await Promise.allSettled(
      Array.from({ length: 12 }, (_, i) =>
        desk(i).create({ variants: orders[i % 2]!.map((sku) => variantOf(sku)) }),
      ),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(new Set(reasonsOf(results))).toEqual(new Set(['SKU_TAKEN']));
  });

  test('is free again when its product gives it up', async () => {
    const sku = newSku();
    const first = await desk(0).create({ variants: [variantOf(sku)] });
    await desk(0).update(first, { variants: [variantOf(newSku())] });
    const { productId } = await desk(1).create({ variants: [variantOf(sku)] });
    const { variants } = await desk(1).client.batchGetVariants({ skus: [sku] });
    expect(variants).toMatchObject([{ sku, productId }]);
  });
});

describe('the same request', () => {
  test('creates one product, whichever process is asked how often', async () => {
    const requestId = uuidv7();
    const content = contentOf();
    const answers = await Promise.all(
      Array.from({ length: 16 }, (_, i) => desk(i).create(content, requestId)),
    );
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(await countRows(answers[0]!.productId)).toBe(2);
  });

  test('edits once, and gives its first answer after later edits', async () => {
    const created = await desk(0).create();
    const requestId = uuidv7();
    const first = await desk(0).update(created, { title: 'Sprinter' }, requestId);
    await desk(1).update(first, { title: 'Walker' });
    expect(await desk(1).update(created, { title: 'Sprinter' }, requestId)).toEqual(first);
    expect((await read(created.productId)).title).toBe('Walker');
  });

  test('with another body is refused, and a refusal is given again', async () => {
    const created = await desk(0).create();
    const requestId = uuidv7();
    await desk(0).update(created, { title: 'Sprinter' });
    const conflict = { reason: 'PRODUCT_VERSION_CONFLICT', metadata: { version: '2' } };
    for (const each of [desk(0), desk(1)]) {
      await expect(each.update(created, { title: 'x' }, requestId)).rejects.toMatchObject(conflict);
    }
    await expect(desk(0).update(created, { title: 'y' }, requestId)).rejects.toMatchObject({
      reason: 'REQUEST_ID_REUSED',
    });
  });
});

describe('a process that dies', () => {
  test('before the commit has written nothing, and the same request then does it', async () => {
    disarm = armDebugPoint('commerce.product.before-commit', die);
    const requestId = uuidv7();
    const sku = newSku();
    const content = contentOf({ variants: [variantOf(sku)] });
    await expect(desk(0).create(content, requestId)).rejects.toMatchObject({ code: 'aborted' });
    expect((await desk(0).client.batchGetVariants({ skus: [sku] })).variants).toEqual([]);
    const created = await desk(1).create(content, requestId);
    expect(await countRows(created.productId)).toBe(2);
  });

  test('after the commit of an edit leaves nobody with the old product', async () => {
    const created = await desk(0).create();
    await read(created.productId);
    disarm = armDebugPoint('commerce.product.before-invalidate', () => {
      disarm();
      throw new Error('killed');
    });
    const requestId = uuidv7();
    const edit = () => desk(0).update(created, { title: 'Sprinter' }, requestId);
    await expect(edit()).rejects.toMatchObject({ code: 'internal' });
    await network.settle();
    expect(await read(created.productId)).toMatchObject({ title: 'Sprinter', version: 2n });
    expect(await edit()).toMatchObject({ title: 'Sprinter', version: 2n });
  });
});
