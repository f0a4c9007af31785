import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Product,
  ProductService,
  ProductStatus,
} from '#gen/commerce/product/v1/product_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Network } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';
import { contentOf, newSku, staffOf, variantOf } from './testing.ts';

let network: Network;
let staff: ReturnType<typeof staffOf>;

beforeAll(async () => {
  network = await startNetwork(['commerce.inventory', 'commerce.product']);
  staff = staffOf(network, await network.person({ roles: ['staff'] }));
});
afterAll(() => network.stop());

const anybody = () => network.client(ProductService, 'commerce.product');

async function read(productId: string): Promise<Product> {
  return (await anybody().getProduct({ productId })).product!;
}

describe('a product', () => {
  test('is read as it was written, down to the types of its attributes', async () => {
    const variant = {
      ...variantOf(newSku(), 250_000n),
      title: 'red, 42',
      imageUrls: ['https://img.example/1.jpg', 'https://img.example/2.jpg'],
      attributes: {
        colour: { value: { case: 'choiceValue' as const, value: 'RED' } },
        weight_kg: { value: { case: 'decimalValue' as const, value: '0.250' } },
        eyelets: { value: { case: 'intValue' as const, value: 9_007_199_254_740_993n } },
        is_vegan: { value: { case: 'boolValue' as const, value: false } },
        sole: { value: { case: 'textValue' as const, value: 'hand-sewn' } },
      },
    };
    const content = contentOf({
      title: '跑鞋',
      description: 'Runs.',
      localizedTexts: { en: { title: 'Runner', description: 'Runs.' } },
      brand: 'Acme',
      variants: [variant, variantOf(newSku())],
    });
    const created = await staff.create(content);
    expect(created).toMatchObject({ ...content, version: 1n, status: ProductStatus.AVAILABLE });
    expect(await read(created.productId)).toEqual(created);
    expect(await read(created.productId.toUpperCase())).toEqual(created);
  });

  test('is changed in the named fields only', async () => {
    const created = await staff.create({ brand: 'Acme', description: 'Runs.' });
    const updated = await staff.update(created, { title: 'Sprinter', brand: '' });
    const { updateTime } = updated;
    expect(updated).toEqual({ ...created, title: 'Sprinter', brand: '', version: 2n, updateTime });
    expect(await read(created.productId)).toEqual(updated);
  });
});
