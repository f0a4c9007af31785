import {
  type PricedVariant,
  type ProductService,
  ProductStatus,
} from '#gen/commerce/product/v1/product_pb.ts';
import { RpcError } from '#kit/errors.ts';
import { createCoalescer } from '#kit/load/coalesce.ts';
import { DeadlineTooShort } from '#kit/mesh-errors.ts';
import type { Client } from '#kit/rpc/client/client.ts';
import { remainingMs } from '#kit/scope.ts';
import { within } from '#kit/within.ts';
import type { Priced } from './domain/pricing.ts';
import { CatalogueUnavailable, limits } from './domain.ts';

/** What may be ordered, and for how much, at this moment. */
export interface Catalogue {
  /** Prices by SKU; unknown ones are left out. Throws CatalogueUnavailable and DeadlineTooShort. */
  price(skus: readonly string[]): Promise<Map<string, Priced>>;
}

/** Asks the product service, for all orders that are being priced at once in one call. */
export function createCatalogue(products: Client<typeof ProductService>): Catalogue {
  const prices = createCoalescer<string, Priced | undefined>({
    name: 'commerce.order.price',
    timeoutMs: limits.priceMsMax,
    itemsMax: limits.pricesMax,
    batchesMax: limits.priceCallsMax,
    async run(items) {
      const { variants } = await products.batchGetVariants({ skus: [...new Set(items)] });
      const bySku = new Map(variants.map((variant) => [variant.sku, toPriced(variant)]));
      return items.map((sku) => ({ value: bySku.get(sku) }));
    },
  });
  return {
    async price(skus) {
      // Whoever orders hears before the deadline that there are no prices; the call goes on, for others wait for it.
      const waitMs = Math.min(limits.priceMsMax, remainingMs() - limits.answerReserveMs);
      if (waitMs <= 0) throw new DeadlineTooShort();
      const asked = Promise.all(skus.map((sku) => prices.do(sku)));
      const found = await within(waitMs, asked, () => new CatalogueUnavailable()).catch((error) => {
        if (error instanceof RpcError) throw new CatalogueUnavailable();
        throw error;
      });
      const out = new Map<string, Priced>();
      for (const priced of found) if (priced !== undefined) out.set(priced.sku, priced);
      return out;
    },
  };
}

const statuses: Record<number, string> = {
  [ProductStatus.AVAILABLE]: 'AVAILABLE',
  [ProductStatus.OUT_OF_STOCK]: 'OUT_OF_STOCK',
  [ProductStatus.DISCONTINUED]: 'DISCONTINUED',
};

function toPriced(variant: PricedVariant): Priced {
  const { sku, productId, title, unitPrice, status, inStock } = variant;
  return {
    sku,
    productId,
    title,
    currency: unitPrice!.currencyCode,
    unitMinor: unitPrice!.amountMinor,
    status: statuses[status] ?? 'UNKNOWN',
    inStock,
  };
}
