/** The statements that write products: each takes any number of them. */
import type { Tx } from '#kit/db/database.ts';
import { SkuTaken } from '../domain.ts';
import type { Change } from '../store.ts';
import { toVariantJson } from './rows.ts';

/** The variants that a product had and has no more. */
export function removedSkus({ before, after }: Change): string[] {
  const kept = new Set(after.variants.map(({ sku }) => sku));
  return (before?.variants ?? []).map(({ sku }) => sku).filter((sku) => !kept.has(sku));
}

// Rows travel as one JSON text. It is cast from text, or the driver would write it as JSON once more.

export async function writeProducts(tx: Tx, changes: readonly Change[]): Promise<void> {
  if (changes.length === 0) return;
  const rows = changes.map(({ after }) => ({
    product_id: after.productId,
    version: String(after.version),
    title: after.title,
    description: after.description,
    localized_texts: after.localizedTexts,
    category: after.category,
    brand: after.brand,
    status: after.status,
    created_at: new Date(after.createdAt),
    updated_at: new Date(after.updatedAt),
  }));
  await tx`
    insert into product (product_id, version, title, description, localized_texts, category, brand,
      status, created_at, updated_at)
    select * from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) as t (product_id uuid,
      version bigint, title text, description text, localized_texts jsonb, category text,
      brand text, status text, created_at timestamptz, updated_at timestamptz)
    on conflict (product_id) do update set
      version = excluded.version, title = excluded.title, description = excluded.description,
      localized_texts = excluded.localized_texts, category = excluded.category,
      brand = excluded.brand, status = excluded.status, updated_at = excluded.updated_at`;
}

export async function deleteVariants(tx: Tx, skus: readonly string[]): Promise<void> {
  if (skus.length === 0) return;
  await tx`delete from variant where sku = any(${skus as string[]}::text[])`;
}

/** A SKU that is new to a product could not be locked: whoever was first has it. Throws SkuTaken. */
export async function writeVariants(tx: Tx, changes: readonly Change[]): Promise<void> {
  const rows = changes
    .filter(({ before, after }) => before?.variants !== after.variants)
    .flatMap(({ after: { productId, variants } }) =>
      variants.map((variant, position) => ({
        ...toVariantJson(variant),
        product_id: productId,
        position,
      })),
    );
  if (rows.length === 0) return;
  const written = await tx<{ sku: string }[]>`
    insert into variant (sku, product_id, position, title, currency, unit_minor, image_urls,
      attributes, in_stock)
    select * from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) as t (sku text,
      product_id uuid, position int, title text, currency text, unit_minor bigint,
      image_urls jsonb, attributes jsonb, in_stock boolean)
    -- in one order, so that two writers of the same SKUs do not wait for each other in a circle
    order by t.sku collate "C"
    on conflict (sku) do update set
      position = excluded.position, title = excluded.title, currency = excluded.currency,
      unit_minor = excluded.unit_minor, image_urls = excluded.image_urls,
      attributes = excluded.attributes, in_stock = excluded.in_stock
    where variant.product_id = excluded.product_id
    returning sku`;
  if (written.length === rows.length) return;
  const ours = new Set(written.map(({ sku }) => sku));
  throw new SkuTaken({ sku: rows.find(({ sku }) => !ours.has(sku))!.sku });
}
