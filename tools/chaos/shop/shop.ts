/** What a chaos run trades with: goods on sale, and people who are signed in. */
import { InventoryService } from '#gen/commerce/inventory/v1/inventory_pb.ts';
import { ProductService } from '#gen/commerce/product/v1/product_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Mesh } from '../../mesh/mesh.ts';
import type { Desk } from '../desk.ts';
import { findOwner, hire, type Person, severally, welcome } from '../people.ts';

export interface Shop {
  /** Units that were put on sale, by SKU. */
  readonly stocked: ReadonlyMap<string, bigint>;
  /** Everybody wants it and few get it. */
  readonly hotSku: string;
  readonly plentifulSkus: readonly string[];
  readonly customers: readonly Person[];
  /** Many, for each of them is rate limited like everybody. */
  readonly staff: readonly Person[];
}

const hotUnits = 12n;
const plentifulUnits = 10_000_000n;
const plentifulCount = 6;
const unitPrices = [1_999n, 500n, 12_345n];
const currencies = ['EUR', 'USD'];

/** Where everything goes. */
export const shippingAddress = {
  recipient: 'Ada Lovelace',
  lines: ['12 St James Square'],
  city: 'London',
  postalCode: 'SW1Y 4JH',
  countryCode: 'GB',
};

export async function openShop(
  mesh: Mesh,
  desk: Desk,
  people: { customers: number; staff: number },
): Promise<Shop> {
  const owner = await findOwner(mesh);
  const stocked = new Map<string, bigint>();
  const run = uuidv7();
  const hotSku = `CHAOS-HOT-${run}`;
  const plentifulSkus = Array.from({ length: plentifulCount }, (_, i) => `CHAOS-${i}-${run}`);
  for (const [i, sku] of [hotSku, ...plentifulSkus].entries()) {
    const amountMinor = unitPrices[i % unitPrices.length]!;
    const currencyCode = currencies[i % currencies.length]!;
    const variants = [{ sku, unitPrice: { currencyCode, amountMinor } }];
    const product = { title: `Lantern ${i}`, category: 'lights', brand: '星', variants };
    await desk.write(owner, ProductService.method.createProduct, { requestId: uuidv7(), product });
    const onHand = sku === hotSku ? hotUnits : plentifulUnits;
    await desk.write(owner, InventoryService.method.setStock, { requestId: uuidv7(), sku, onHand });
    stocked.set(sku, onHand);
  }
  const customers = await severally(people.customers, () => welcome(mesh, desk));
  const staff = await severally(people.staff, () => hire(mesh, desk, owner));
  return { stocked, hotSku, plentifulSkus, customers, staff };
}
