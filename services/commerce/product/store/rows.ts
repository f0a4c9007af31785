/** Rows to domain and back. */
import type { RowOf } from '#kit/db/row.ts';
import type { Attribute, Product, Status, Variant } from '../domain.ts';
import type { product, variant } from '../schema.ts';
import type { Price } from '../store.ts';

export type ProductRow = RowOf<typeof product>;

/** A variant as jsonb carries it: what is wider than a double is a string. */
export interface VariantJson {
  sku: string;
  title: string;
  currency: string;
  unit_minor: string;
  image_urls: string[];
  attributes: Record<string, AttributeJson>;
  in_stock: boolean | null;
}

interface AttributeJson {
  kind: Attribute['kind'];
  value: string | boolean;
}

export type PriceRow = Pick<
  RowOf<typeof variant>,
  'sku' | 'product_id' | 'title' | 'currency' | 'unit_minor' | 'in_stock'
> & {
  product_title: string;
  status: Status;
};

export function toProduct(row: ProductRow, variants: readonly VariantJson[]): Product {
  const { version, title, description, category, brand, status } = row;
  return {
    productId: row.product_id,
    version,
    title,
    description,
    localizedTexts: row.localized_texts,
    category,
    brand,
    status,
    variants: variants.map(toVariant),
    createdAt: row.created_at.getTime(),
    updatedAt: row.updated_at.getTime(),
  };
}

function toVariant(json: VariantJson): Variant {
  const { sku, title, currency } = json;
  const attributes = Object.entries(json.attributes).map(([name, { kind, value }]) => [
    name,
    { kind, value: kind === 'int' ? BigInt(value) : value } as Attribute,
  ]);
  return {
    sku,
    title,
    currency,
    unitMinor: BigInt(json.unit_minor),
    imageUrls: json.image_urls,
    attributes: Object.fromEntries(attributes),
    inStock: json.in_stock ?? undefined,
  };
}

export function toVariantJson(variant: Variant): VariantJson {
  const { sku, title, currency, unitMinor, imageUrls, inStock } = variant;
  const attributes = Object.entries(variant.attributes).map(([name, { kind, value }]) => [
    name,
    { kind, value: kind === 'bool' ? value : String(value) },
  ]);
  return {
    sku,
    title,
    currency,
    unit_minor: String(unitMinor),
    image_urls: [...imageUrls],
    attributes: Object.fromEntries(attributes),
    in_stock: inStock ?? null,
  };
}

export function toPrice(row: PriceRow): Price {
  const { sku, title, currency, status } = row;
  return {
    sku,
    productId: row.product_id,
    productTitle: row.product_title,
    title,
    currency,
    unitMinor: row.unit_minor,
    status,
    inStock: row.in_stock ?? undefined,
  };
}
