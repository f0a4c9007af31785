/** Products for this service's own tests. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  type Product,
  type ProductContentSchema,
  ProductService,
} from '#gen/commerce/product/v1/product_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Network, Person } from '#kit/testing/network.ts';

export type ContentInit = MessageInitShape<typeof ProductContentSchema>;

export const newSku = () => `SKU-${uuidv7()}`;

export function variantOf(sku: string, amountMinor = 1999n) {
  return { sku, title: '', unitPrice: { currencyCode: 'EUR', amountMinor } };
}

export function contentOf(content: ContentInit = {}): ContentInit {
  return { title: 'Runner', category: 'shoes', variants: [variantOf(newSku())], ...content };
}

/** The service as a person of the staff calls it. */
export function staffOf(network: Network, staff: Person) {
  const client = network.client(ProductService, 'commerce.product');
  const { headers } = staff;
  return {
    client,
    headers,
    async create(content: ContentInit = {}, requestId = uuidv7()): Promise<Product> {
      const request = { requestId, product: contentOf(content) };
      return (await client.createProduct(request, { headers })).product!;
    },
    /** Changes the fields that `content` has. */
    async update(
      { productId, version }: Pick<Product, 'productId' | 'version'>,
      content: ContentInit,
      requestId = uuidv7(),
    ): Promise<Product> {
      const snake = (name: string) =>
        name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
      const updateMask = { paths: Object.keys(content).map(snake) };
      const request = { requestId, productId, version, product: content, updateMask };
      return (await client.updateProduct(request, { headers })).product!;
    },
  };
}
