import type {
  CreateProductResponseSchema,
  ProductSchema,
  ProductService,
  Product as ProtoProduct,
  UpdateProductResponseSchema,
} from '#gen/commerce/product/v1/product_pb.ts';
import type { Cached } from '#kit/cache/cached.ts';
import type { Clock } from '#kit/clock.ts';
import type { Database, Tx } from '#kit/db/database.ts';
import { requestKey } from '#kit/db/request-key.ts';
import { answerOnce } from '#kit/db/request-log.ts';
import { debugPoint } from '#kit/debug.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Coalescer } from '#kit/load/coalesce.ts';
import { cutPage, decodeIdToken, encodePageToken } from '#kit/page.ts';
import type { Handlers } from '#kit/rpc/server/handlers.ts';
import { createProduct, editProduct, limits, ProductNotFound } from './domain.ts';
import {
  changesFromProto,
  contentFromProto,
  priceToProto,
  productToProto,
  statusFromProto,
} from './proto.ts';
import type { Price, Store } from './store.ts';

export interface RpcDeps {
  database: Database;
  store: Store;
  products: Cached<typeof ProductSchema>;
  prices: Coalescer<string, Price | undefined>;
  clock: Clock;
}

export function createProductRpc(deps: RpcDeps): Handlers<typeof ProductService> {
  const { database, store, products, prices, clock } = deps;

  /** Called after the commit and before the answer, so that whoever was answered reads what was written. */
  async function forget(productId: string): Promise<void> {
    await debugPoint('commerce.product.before-invalidate');
    await products.invalidate([productId]);
  }

  async function readMany(productIds: readonly string[]): Promise<ProtoProduct[]> {
    const found = await products.getMany(productIds);
    return productIds.flatMap((id) => found.get(id) ?? []);
  }

  return {
    async getProduct({ productId }) {
      const product = await products.get(productId);
      if (product === undefined) throw new ProductNotFound({ product_id: productId });
      return { product };
    },

    batchGetProducts: async ({ productIds }) => ({ products: await readMany(productIds) }),

    async listProducts({ pageSize, pageToken, category, brand, status }) {
      const query = ['ListProducts', category, brand, String(status)];
      const before = decodeIdToken(query, pageToken);
      const size = pageSize || limits.pageSizeDefault;
      const filter = { category, brand, status: statusFromProto(status) };
      const ids = await store.listIds(filter, before, size + 1);
      const { page, nextPageToken } = cutPage(ids, size, (last) => encodePageToken(query, [last]));
      return { products: await readMany(page), nextPageToken };
    },

    async batchGetVariants({ skus }) {
      const found = await Promise.all(skus.map((sku) => prices.do(sku)));
      return { variants: found.filter((price) => price !== undefined).map(priceToProto) };
    },

    createProduct(request, call) {
      const key = requestKey(call, request);
      return answerOnce<typeof CreateProductResponseSchema>(database, call, key, async (tx) => {
        const content = contentFromProto(request.product!);
        const after = createProduct(uuidv7(), content, clock.now());
        await store.save(tx, [{ before: undefined, after }]);
        await debugPoint('commerce.product.before-commit');
        return { product: productToProto(after) };
      });
    },

    async updateProduct(request, call) {
      const { productId, version: expected } = request;
      const changes = changesFromProto(request.product!, request.updateMask!.paths);
      const key = requestKey(call, request);
      const work = async (tx: Tx) => {
        const [before] = await store.lockProducts(tx, [productId]);
        if (before === undefined) throw new ProductNotFound({ product_id: productId });
        const after = editProduct(before, { expected, changes, now: clock.now() });
        await store.save(tx, [{ before, after }]);
        await debugPoint('commerce.product.before-commit');
        return { product: productToProto(after) };
      };
      const answer = await answerOnce<typeof UpdateProductResponseSchema>(
        database,
        call,
        key,
        work,
      );
      await forget(productId);
      return answer;
    },
  };
}
