import { fromBinary } from '@bufbuild/protobuf';
import { InventoryService, StockChangedSchema } from '#gen/commerce/inventory/v1/inventory_pb.ts';
import { createCoalescer } from '#kit/load/coalesce.ts';
import { implement } from '#kit/rpc/server/handlers.ts';
import type { ServiceModule } from '#kit/service.ts';
import { createWatchHub } from '#kit/streams/watch.ts';
import { limits, type Stock } from './domain.ts';
import { createExpiryJob } from './expiry.ts';
import { createInventoryRpc } from './rpc.ts';
import { createStore } from './store.ts';
import { createStockWriter } from './writer.ts';

export const inventory: ServiceModule = {
  name: 'commerce.inventory',
  migrations: new URL('./migrations/', import.meta.url),
  create({ database, bus, clock }) {
    const store = createStore(database);
    const writer = createStockWriter({ database, store, clock });
    const stocks = createCoalescer<string, Stock | undefined>({
      name: 'commerce.inventory.read',
      timeoutMs: limits.readMsMax,
      itemsMax: limits.readBatchMax,
      async run(skus) {
        const found = await store.readStocks([...new Set(skus)]);
        return skus.map((sku) => ({ value: found.get(sku) }));
      },
    });
    const hub = createWatchHub<Stock>({
      read: (skus) => store.readStocks(skus),
      versionOf: (stock) => stock.version,
      clock,
    });
    const unlisten = bus.listen(StockChangedSchema.typeName, (payload) => {
      if (hub.watching === 0) return;
      for (const { sku } of fromBinary(StockChangedSchema, payload).stocks) hub.hint(sku);
    });
    return {
      implementations: [
        implement(InventoryService, createInventoryRpc({ writer, store, stocks, hub, clock })),
      ],
      jobs: [createExpiryJob({ database, store, clock })],
      async stop() {
        unlisten();
        await writer.idle();
      },
    };
  },
};
