import type { InventoryService } from '#gen/commerce/inventory/v1/inventory_pb.ts';
import { StockChangedSchema } from '#gen/commerce/inventory/v1/inventory_pb.ts';
import { subscription } from '#kit/bus/consumer.ts';
import type { Clock } from '#kit/clock.ts';
import type { Tx } from '#kit/db/database.ts';
import type { Client } from '#kit/rpc/client/client.ts';
import { limits, noteStock } from './domain.ts';
import type { Store } from './store.ts';

/**
 * Keeps the status of products in step with their stock. Most changes of stock neither empty nor fill a SKU and cost one
 * read a batch. Where an event says something new, inventory is asked for the present stock, because events may come
 * late and out of order; and batches are taken one at a time in the whole mesh, so that whoever handles the last event
 * of a SKU sees what was written before.
 */
export function stockSubscription(deps: {
  store: Store;
  inventory: Client<typeof InventoryService>;
  clock: Clock;
}) {
  const { store, inventory, clock } = deps;

  async function askInventory(skus: readonly string[]): Promise<Map<string, boolean>> {
    const inStock = new Map<string, boolean>();
    for (let i = 0; i < skus.length; i += limits.stockQueryMax) {
      const request = { skus: skus.slice(i, i + limits.stockQueryMax) };
      const { stocks } = await inventory.batchGetStock(request);
      for (const { sku, available } of stocks) inStock.set(sku, available > 0n);
    }
    return inStock;
  }

  async function follow(tx: Tx, told: ReadonlyMap<string, boolean>): Promise<void> {
    const misjudged = await store.findMisjudged(tx, told);
    if (misjudged.length === 0) return;
    const inStock = await askInventory(misjudged.map(({ sku }) => sku));
    const productIds = new Set(misjudged.map(({ productId }) => productId));
    const products = await store.lockProducts(tx, [...productIds]);
    const now = clock.now();
    await store.save(
      tx,
      products.map((before) => ({ before, after: noteStock(before, inStock, now) })),
    );
  }

  return subscription({
    name: 'stock',
    schema: StockChangedSchema,
    handle(events, tx) {
      const stocks = events.flatMap(({ message }) => message.stocks);
      return follow(tx, new Map(stocks.map(({ sku, available }) => [sku, available > 0n])));
    },
  });
}
