import { create } from '@bufbuild/protobuf';
import { InventoryService } from '#gen/commerce/inventory/v1/inventory_pb.ts';
import {
  ProductChangedSchema,
  ProductSchema,
  ProductService,
} from '#gen/commerce/product/v1/product_pb.ts';
import { subscription } from '#kit/bus/consumer.ts';
import { createCached } from '#kit/cache/cached.ts';
import { createCoalescer } from '#kit/load/coalesce.ts';
import { implement } from '#kit/rpc/server/handlers.ts';
import type { ServiceModule } from '#kit/service.ts';
import { limits } from './domain.ts';
import { productToProto } from './proto.ts';
import { createProductRpc } from './rpc.ts';
import { stockSubscription } from './stock.ts';
import { createStore, type Price } from './store.ts';

export const product: ServiceModule = {
  name: 'commerce.product',
  migrations: new URL('./migrations/', import.meta.url),
  async create({ database, cache, clock, client }) {
    const store = createStore(database);
    const products = createCached({
      cache: await cache(),
      name: 'product',
      schema: ProductSchema,
      ttlMs: limits.cacheMsMax,
      timeoutMs: limits.readMsMax,
      async load(productIds) {
        const found = await store.readProducts(productIds);
        return new Map(
          found.map((each) => [each.productId, create(ProductSchema, productToProto(each))]),
        );
      },
    });
    // Prices are read from the database, never from the cache: see README.md.
    const prices = createCoalescer<string, Price | undefined>({
      name: 'commerce.product.prices',
      timeoutMs: limits.readMsMax,
      itemsMax: limits.readSkusMax,
      batchesMax: 2,
      async run(skus) {
        const found = await store.readPrices([...new Set(skus)]);
        return skus.map((sku) => ({ value: found.get(sku) }));
      },
    });
    const inventory = client(InventoryService, 'commerce.inventory');
    return {
      implementations: [
        implement(ProductService, createProductRpc({ database, store, products, prices, clock })),
      ],
      subscriptions: [
        stockSubscription({ store, inventory, clock }),
        // An invalidation that died with its process, or between two processes, is made up for here.
        subscription({
          name: 'invalidation',
          schema: ProductChangedSchema,
          handle(events) {
            const edits = events.filter(({ message }) => message.product!.version > 1n);
            return products.invalidate(edits.map(({ key }) => key));
          },
        }),
      ],
    };
  },
};
