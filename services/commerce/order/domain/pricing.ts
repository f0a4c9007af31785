/** What the lines of an order cost, and which SKUs can be ordered. Pure. */
import {
  limits,
  MixedCurrencies,
  type Order,
  OrderTooLarge,
  QuantityTooLarge,
  SkuNotForSale,
  SkuNotFound,
} from '../domain.ts';

/** What the catalogue says of a SKU at the moment of the order. */
export interface Priced {
  readonly sku: string;
  readonly productId: string;
  readonly title: string;
  readonly currency: string;
  readonly unitMinor: bigint;
  /** The product's status. */
  readonly status: string;
  /** As far as the catalogue has heard. */
  readonly inStock: boolean | undefined;
}

/**
 * Prices the wanted lines: one line a SKU, in SKU order. Throws SkuNotFound, SkuNotForSale, MixedCurrencies,
 * QuantityTooLarge or OrderTooLarge.
 */
export function priceLines(
  wanted: readonly { sku: string; quantity: bigint }[],
  catalogue: ReadonlyMap<string, Priced>,
): Pick<Order, 'lines' | 'currency' | 'totalMinor'> {
  const quantities = new Map<string, bigint>();
  for (const { sku, quantity } of wanted) {
    quantities.set(sku, (quantities.get(sku) ?? 0n) + quantity);
  }
  const skus = [...quantities.keys()].sort();
  const currency = pricedOf(catalogue, skus[0]!).currency;
  let totalMinor = 0n;
  const lines = skus.map((sku) => {
    const priced = pricedOf(catalogue, sku);
    if (priced.currency !== currency) throw new MixedCurrencies({ sku });
    const quantity = quantities.get(sku)!;
    if (quantity > limits.unitsPerSkuMax) {
      throw new QuantityTooLarge({ sku, limit: String(limits.unitsPerSkuMax) });
    }
    totalMinor += quantity * priced.unitMinor;
    const { productId, title, unitMinor } = priced;
    return { sku, productId, title, quantity, unitMinor };
  });
  if (totalMinor > limits.totalMinorMax) {
    throw new OrderTooLarge({ limit: String(limits.totalMinorMax) });
  }
  return { lines, currency, totalMinor };
}

function pricedOf(catalogue: ReadonlyMap<string, Priced>, sku: string): Priced {
  const priced = catalogue.get(sku);
  if (priced === undefined) throw new SkuNotFound({ sku });
  if (!isForSale(priced)) throw new SkuNotForSale({ sku, status: priced.status });
  return priced;
}

/**
 * The catalogue learns of the stock a moment later: whether there is any, inventory says when it is asked to hold it. But
 * OUT_OF_STOCK of a SKU that is in stock is the word of staff.
 */
function isForSale({ status, inStock }: Priced): boolean {
  return status === 'AVAILABLE' || (status === 'OUT_OF_STOCK' && inStock === false);
}
