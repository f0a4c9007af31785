import type { Database, Tx } from '#kit/db/database.ts';
import { publish } from '#kit/db/outbox.ts';
import { together } from '#kit/db/together.ts';
import type { Product, Status } from './domain.ts';
import { productChanged } from './events.ts';
import {
  type PriceRow,
  type ProductRow,
  toPrice,
  toProduct,
  type VariantJson,
} from './store/rows.ts';
import { deleteVariants, removedSkus, writeProducts, writeVariants } from './store/write.ts';

/** What an order is made from. */
export interface Price {
  readonly sku: string;
  readonly productId: string;
  readonly productTitle: string;
  readonly title: string;
  readonly currency: string;
  readonly unitMinor: bigint;
  readonly status: Status;
  /** Undefined while inventory has not spoken of it. */
  readonly inStock: boolean | undefined;
}

/** Which products a list shows. */
export interface Filter {
  /** Empty admits all. */
  readonly category: string;
  readonly brand: string;
  /** Undefined admits all that are not DISCONTINUED. */
  readonly status: Status | undefined;
}

/** A product as it was, undefined when it is new, and as it is to be. */
export interface Change {
  readonly before: Product | undefined;
  readonly after: Product;
}

/** Products with their variants. What is read without a lock shows; what is to be changed is locked first. */
export interface Store {
  /** Reads products by id; unknown ones are left out. */
  readProducts(productIds: readonly string[]): Promise<Product[]>;
  /** Ids newest first, those below `before` when it is given. */
  listIds(filter: Filter, before: string | undefined, limit: number): Promise<string[]>;
  /** Reads prices by SKU; unknown ones are left out. */
  readPrices(skus: readonly string[]): Promise<Map<string, Price>>;
  /** Locks products, in the order of their ids, and reads them. */
  lockProducts(tx: Tx, productIds: readonly string[]): Promise<Product[]>;
  /** Writes products that are new or locked, and an event for each new version. Throws SkuTaken. */
  save(tx: Tx, changes: readonly Change[]): Promise<void>;
  /**
   * Finds the SKUs of which the catalogue believes otherwise. Waits until no other transaction that asked the same is
   * under way.
   */
  findMisjudged(tx: Tx, inStock: ReadonlyMap<string, boolean>): Promise<Misjudged[]>;
}

/** A SKU that the catalogue shows as in stock when it is not, or the other way round. */
export interface Misjudged {
  readonly sku: string;
  readonly productId: string;
}

/** Keeps them in the schema of `database`, of which each `tx` must be a transaction. */
export function createStore(database: Database): Store {
  const { sql } = database;
  const productColumns = sql`p.product_id, p.version, p.title, p.description, p.localized_texts,
    p.category, p.brand, p.status, p.created_at, p.updated_at`;
  const variantsJson = sql`jsonb_agg(jsonb_build_object('sku', v.sku, 'title', v.title,
    'currency', v.currency, 'unit_minor', v.unit_minor::text, 'image_urls', v.image_urls,
    'attributes', v.attributes, 'in_stock', v.in_stock) order by v.position)`;

  return {
    async readProducts(productIds) {
      // One statement, so that a product and its variants are of one version.
      const rows = await sql<(ProductRow & { variants: VariantJson[] })[]>`
        select ${productColumns},
          (select ${variantsJson} from variant v where v.product_id = p.product_id) as variants
        from product p where p.product_id = any(${productIds as string[]}::uuid[])`;
      return rows.map((row) => toProduct(row, row.variants));
    },

    async listIds({ category, brand, status }, before, limit) {
      const rows = await sql<{ product_id: string }[]>`
        select p.product_id from product p
        where ${status === undefined ? sql`p.status <> 'DISCONTINUED'` : sql`p.status = ${status}`}
          ${category === '' ? sql`` : sql`and p.category = ${category}`}
          ${brand === '' ? sql`` : sql`and p.brand = ${brand}`}
          ${before === undefined ? sql`` : sql`and p.product_id < ${before}`}
        order by p.product_id desc limit ${limit}`;
      return rows.map((row) => row.product_id);
    },

    async readPrices(skus) {
      const rows = await sql<PriceRow[]>`
        select v.sku, v.product_id, p.title as product_title, v.title, v.currency, v.unit_minor,
          p.status, v.in_stock
        from variant v join product p on p.product_id = v.product_id
        where v.sku = any(${skus as string[]}::text[])`;
      return new Map(rows.map((row) => [row.sku, toPrice(row)]));
    },

    async lockProducts(tx, productIds) {
      const ids = productIds as string[];
      // Two statements, sent together: the second sees what those committed for whom the first had to wait.
      const [rows, groups] = await together([
        tx<ProductRow[]>`
          select ${productColumns} from product p where p.product_id = any(${ids}::uuid[])
          order by p.product_id for no key update`,
        tx<{ product_id: string; variants: VariantJson[] }[]>`
          select v.product_id, ${variantsJson} as variants from variant v
          where v.product_id = any(${ids}::uuid[]) group by v.product_id`,
      ]);
      const variants = new Map(groups.map((group) => [group.product_id, group.variants]));
      return rows.map((row) => toProduct(row, variants.get(row.product_id)!));
    },

    async save(tx, changes) {
      const versions = changes.filter(({ before, after }) => before?.version !== after.version);
      const events = versions.map((change) => productChanged(change.after, removedSkus(change)));
      publish(database, tx, events);
      // Sent together: the connection keeps their order, and one round trip is enough.
      await together([
        writeProducts(tx, versions),
        deleteVariants(tx, changes.flatMap(removedSkus)),
        writeVariants(tx, changes),
      ]);
    },

    async findMisjudged(tx, inStock) {
      const [, rows] = await together([
        tx`select pg_advisory_xact_lock(hashtextextended(${`stock ${database.schema}`}, 0))`,
        tx<{ sku: string; product_id: string }[]>`
          select v.sku, v.product_id from variant v
          join unnest(${[...inStock.keys()]}::text[], ${[...inStock.values()].map(String)}::text[])
            as t (sku, in_stock) on t.sku = v.sku
          where v.in_stock is distinct from t.in_stock::boolean`,
      ]);
      return rows.map((row) => ({ sku: row.sku, productId: row.product_id }));
    },
  };
}
