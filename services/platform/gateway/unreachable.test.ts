import { afterAll, beforeAll, expect, test } from 'vitest';
import { ProductService } from '#gen/commerce/product/v1/product_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import { failure } from '#kit/testing/echo-fixture.ts';
import type { Network } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';

let network: Network;

beforeAll(async () => {
  network = await startNetwork(['commerce.product', 'platform.gateway'], {
    wiresTo: ['commerce.product'],
  });
});
afterAll(() => network.stop());

test('a service that is away is said to be so by a reason, without a word of where it is', async () => {
  const products = network.client(ProductService, 'platform.gateway');
  const ask = () => failure(products.getProduct({ productId: uuidv7() }));
  expect((await ask()).reason).toBe('PRODUCT_NOT_FOUND');
  network.wireTo('commerce.product').cut();
  const refusal = await ask();
  expect(refusal).toMatchObject({
    code: 'unavailable',
    reason: 'SERVICE_UNREACHABLE',
    domain: 'mesh',
    message: 'service unreachable (service: commerce.product)',
    metadata: { service: 'commerce.product' },
  });
  network.wireTo('commerce.product').mend();
  await expect
    .poll(async () => (await ask()).reason, { timeout: 20_000 })
    .toBe('PRODUCT_NOT_FOUND');
});
