import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { type Product, ProductService } from '#gen/commerce/product/v1/product_pb.ts';
import type { Network } from '#kit/testing/network.ts';
import { type Proxy, startProxy } from '#kit/testing/proxy.ts';
import { startNetwork } from '#services/testing.ts';
import { staffOf, variantOf } from './testing.ts';

const names = ['commerce.inventory', 'commerce.product'];

describe.each(['there', 'absent', 'cut off and back'])('with Redis %s', (redis) => {
  let network: Network;
  let proxy: Proxy;
  let staff: ReturnType<typeof staffOf>;

  beforeAll(async () => {
    proxy = await startProxy(inject('servers').redisUrl);
    const redisUrl = redis === 'absent' ? 'redis://127.0.0.1:1' : proxy.url;
    network = await startNetwork(names, { redisUrl });
    staff = staffOf(network, await network.person({ roles: ['staff'] }));
  });
  afterAll(async () => {
    await network.stop();
    await proxy.stop();
  });

  test('a price is never older than the last one acknowledged, and no read fails', async () => {
    // Services are not rate limited.
    const as = { service: 'commerce.order' };
    const reader = network.client(ProductService, 'commerce.product', as);
    let product = await staff.create();
    const { productId } = product;
    const { sku } = product.variants[0]!;
    let acknowledged = 1999n;
    let isWriting = true;
    let reads = 0;

    async function write(): Promise<void> {
      for (let i = 0; i < 40; i += 1) {
        if (redis === 'cut off and back') {
          if (i % 10 === 3) proxy.cut();
          if (i % 10 === 8) proxy.mend();
        }
        const price = 2000n + BigInt(i);
        product = await staff.update(product, { variants: [variantOf(sku, price)] });
        acknowledged = price;
      }
      isWriting = false;
    }

    async function readPrices(): Promise<void> {
      while (isWriting) {
        const atLeast = acknowledged;
        const { variants } = await reader.batchGetVariants({ skus: [sku] });
        expect(variants[0]!.unitPrice!.amountMinor).toBeGreaterThanOrEqual(atLeast);
        reads += 1;
      }
    }

    async function readProducts(): Promise<void> {
      while (isWriting) {
        const atLeast = acknowledged;
        const [one, many] = await Promise.all([
          reader.getProduct({ productId }),
          reader.batchGetProducts({ productIds: [productId] }),
        ]);
        // A change that Redis could not be told of may be seen late, but only then.
        if (redis === 'cut off and back') continue;
        for (const seen of [one.product!, many.products[0]!]) {
          expect(priceOf(seen)).toBeGreaterThanOrEqual(atLeast);
        }
      }
    }

    await Promise.all([write(), readPrices(), readPrices(), readProducts(), readProducts()]);
    expect(reads).toBeGreaterThan(20);
  });
});

function priceOf(product: Product): bigint {
  return product.variants[0]!.unitPrice!.amountMinor;
}

test('what was read is answered from Redis, without the database', async () => {
  const network = await startNetwork(names);
  const staff = staffOf(network, await network.person({ roles: ['staff'] }));
  const { productId } = await staff.create();
  const reader = network.client(ProductService, 'commerce.product');
  await reader.getProduct({ productId });
  // Nobody but Redis can know this product any more.
  await network.sql`delete from commerce_product.variant where product_id = ${productId}`;
  await network.sql`delete from commerce_product.product where product_id = ${productId}`;
  await network.settle();
  await expect(reader.getProduct({ productId })).resolves.toMatchObject({ product: { productId } });
  await network.stop();
});
