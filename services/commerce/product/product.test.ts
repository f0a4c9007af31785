import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Product,
  ProductService,
  ProductStatus,
} from '#gen/commerce/product/v1/product_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Network } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';
import { type ContentInit, contentOf, newSku, staffOf, variantOf } from './testing.ts';

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

describe('bad input', () => {
  const longText = 'x'.repeat(5_000);
  const sku = () => newSku();
  const bad: [string, ContentInit, field: string][] = [
    ['no title', { title: '' }, 'product.title'],
    ['a title that is too long', { title: longText }, 'product.title'],
    ['no variant', { variants: [] }, 'product.variants'],
    ['a SKU with a space', { variants: [variantOf('a b')] }, 'product.variants[0].sku'],
    ['a price of nothing', { variants: [variantOf(sku(), 0n)] }, 'product.variants[0].unit_price'],
    ['no price', { variants: [{ sku: sku() }] }, 'product.variants[0].unit_price'],
    ['no currency', withVariant({ unitPrice: { amountMinor: 1n } }), 'currency_code'],
    ['a URL that is none', withVariant({ imageUrls: ['nowhere'] }), 'image_urls[0]'],
    ['an attribute of no type', withVariant({ attributes: { a: {} } }), 'value'],
    ['an attribute with a bad name', attribute('Ä', 'textValue', ''), 'attributes'],
    ['a decimal that is none', attribute('a', 'decimalValue', '1,5'), 'decimal_value'],
    ['a choice in small letters', attribute('a', 'choiceValue', 'red'), 'choice_value'],
    ['a language that is none', { localizedTexts: { '': { title: 'x' } } }, 'localized_texts'],
    ['a text with U+0000', { description: 'a\0' }, 'product.description'],
  ];

  function withVariant(more: object): ContentInit {
    return { variants: [{ ...variantOf(sku()), ...more }] };
  }

  function attribute(name: string, kind: string, value: string): ContentInit {
    return withVariant({ attributes: { [name]: { value: { case: kind, value } } } });
  }

  test.each(bad)('is refused by the name of its field: %s', async (_, content, field) => {
    const error = await staff.create(content).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'invalid_argument', reason: 'FIELD_INVALID' });
    expect(error.violations.map((violation: { field: string }) => violation.field)).toContainEqual(
      expect.stringContaining(field),
    );
  });

  test.each([
    ['no field', [], 'update_mask'],
    ['an unknown field', ['price'], 'update_mask'],
    ['a status that is not given', ['status'], 'product.status'],
  ])('is refused in an edit of %s', async (_, paths, field) => {
    const { productId, version } = await staff.create();
    const request = { requestId: uuidv7(), productId, version, product: {}, updateMask: { paths } };
    const { headers, client } = staff;
    await expect(client.updateProduct(request, { headers })).rejects.toMatchObject({
      reason: 'FIELD_INVALID',
      violations: [{ field }],
    });
  });

  test.each(['nonsense', Buffer.from('["x","y"]').toString('base64url')])(
    'is refused as a page token: %s',
    async (pageToken) => {
      await expect(anybody().listProducts({ pageToken })).rejects.toMatchObject({
        code: 'invalid_argument',
        reason: 'INVALID_PAGE_TOKEN',
      });
    },
  );

  test('is refused as the page token of another list', async () => {
    await Promise.all([staff.create({ brand: 'Two' }), staff.create({ brand: 'Two' })]);
    const { nextPageToken } = await anybody().listProducts({ pageSize: 1, brand: 'Two' });
    const other = { pageToken: nextPageToken, brand: 'Three' };
    await expect(anybody().listProducts(other)).rejects.toMatchObject({
      reason: 'INVALID_PAGE_TOKEN',
    });
  });
});

describe('the catalogue', () => {
  test('is written by staff only', async () => {
    const { headers } = await network.person();
    const request = { requestId: uuidv7(), product: contentOf() };
    await expect(anybody().createProduct(request, { headers })).rejects.toMatchObject({
      code: 'permission_denied',
    });
    await expect(anybody().createProduct(request)).rejects.toMatchObject({
      code: 'unauthenticated',
    });
    const order = network.client(ProductService, 'commerce.product', { service: 'commerce.order' });
    await expect(order.createProduct(request)).rejects.toMatchObject({
      code: 'unauthenticated',
    });
  });

  test('answers for many in the order asked, without the unknown', async () => {
    const [a, b] = await Promise.all([staff.create(), staff.create()]);
    const { products } = await anybody().batchGetProducts({
      productIds: [b.productId, uuidv7(), a.productId],
    });
    expect(products).toEqual([b, a]);
    await expect(anybody().getProduct({ productId: uuidv7() })).rejects.toMatchObject({
      code: 'not_found',
      reason: 'PRODUCT_NOT_FOUND',
    });
  });

  test('prices SKUs, in the order asked, with what an order needs to know', async () => {
    const [plain, red] = [newSku(), newSku()];
    const { productId } = await staff.create({
      variants: [variantOf(plain, 100n), { ...variantOf(red, 250n), title: 'red' }],
    });
    const { variants } = await anybody().batchGetVariants({ skus: [red, 'unknown', plain, red] });
    const status = ProductStatus.AVAILABLE;
    expect(variants).toMatchObject([
      { sku: red, productId, title: 'Runner (red)', unitPrice: { amountMinor: 250n }, status },
      { sku: plain, productId, title: 'Runner', unitPrice: { amountMinor: 100n }, status },
      { sku: red },
    ]);
  });

  test('lists by category, brand and status, and hides what is DISCONTINUED', async () => {
    const category = `hats/${uuidv7()}`;
    const [acme, other, old] = await Promise.all([
      staff.create({ category, brand: 'Acme' }),
      staff.create({ category, brand: 'Other' }),
      staff.create({ category, brand: 'Acme' }),
    ]);
    await staff.update(old, { status: ProductStatus.DISCONTINUED });
    const list = async (filter: object) => {
      const { products } = await anybody().listProducts({ category, ...filter });
      return new Set(products.map((product) => product.productId));
    };
    expect(await list({})).toEqual(new Set([acme.productId, other.productId]));
    expect(await list({ brand: 'Acme' })).toEqual(new Set([acme.productId]));
    const status = ProductStatus.DISCONTINUED;
    expect(await list({ status })).toEqual(new Set([old.productId]));
  });
});
