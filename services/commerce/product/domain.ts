/** Products, their variants, and what may become of them. Pure. */
import { DomainError } from '#kit/errors.ts';
import { FieldsInvalid } from '#kit/mesh-errors.ts';

export const limits = {
  productBytesMax: 32 * 1024, // a hundred of them in one answer stay below the largest message
  pageSizeDefault: 20,
  readSkusMax: 1_000, // SKUs in one query
  readMsMax: 2_000,
  // How long a page may show an old product when its invalidation was lost with Redis. Prices for orders are not cached.
  cacheMsMax: 60_000,
  stockQueryMax: 1_000, // SKUs in one question to inventory
} as const;

/** No such product. */
export class ProductNotFound extends DomainError<{ product_id: string }> {
  readonly code = 'not_found';
  readonly reason = 'PRODUCT_NOT_FOUND';
}

/** A variant of another product has the SKU already. */
export class SkuTaken extends DomainError<{ sku: string }> {
  readonly code = 'already_exists';
  readonly reason = 'SKU_TAKEN';
}

/** The product has changed since the version that was edited. */
export class ProductVersionConflict extends DomainError<{
  product_id: string;
  expected: string;
  version: string;
}> {
  readonly code = 'aborted';
  readonly reason = 'PRODUCT_VERSION_CONFLICT';
}

/** A product of this status cannot become the one wanted. */
export class ProductStatusConflict extends DomainError<{
  product_id: string;
  status: string;
  wanted: string;
}> {
  readonly code = 'failed_precondition';
  readonly reason = 'PRODUCT_STATUS_CONFLICT';
}

/** The product, all texts and attributes together, is above limits.productBytesMax. */
export class ProductTooLarge extends DomainError<{ limit: string }> {
  readonly code = 'out_of_range';
  readonly reason = 'PRODUCT_TOO_LARGE';
}

export type Status = 'AVAILABLE' | 'OUT_OF_STOCK' | 'DISCONTINUED';

/** The legal changes of status. A status without successors is final. */
export const transitions: Readonly<Record<Status, readonly Status[]>> = {
  AVAILABLE: ['OUT_OF_STOCK', 'DISCONTINUED'],
  OUT_OF_STOCK: ['AVAILABLE', 'DISCONTINUED'],
  DISCONTINUED: [],
};

export interface LocalizedText {
  readonly title: string;
  readonly description: string;
}

export type Attribute =
  | { readonly kind: 'text' | 'decimal' | 'choice'; readonly value: string }
  | { readonly kind: 'int'; readonly value: bigint }
  | { readonly kind: 'bool'; readonly value: boolean };

/** What staff write of a variant. */
export interface VariantContent {
  readonly sku: string;
  readonly title: string;
  readonly currency: string;
  readonly unitMinor: bigint;
  readonly imageUrls: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

export interface Variant extends VariantContent {
  /** Whether a unit is available; undefined until inventory has said so. */
  readonly inStock: boolean | undefined;
}

/** What staff write of a product. */
export interface Content {
  readonly title: string;
  readonly description: string;
  readonly localizedTexts: Readonly<Record<string, LocalizedText>>;
  readonly category: string;
  readonly brand: string;
  readonly status: Status;
  readonly variants: readonly VariantContent[];
}

export interface Product extends Content {
  readonly productId: string;
  /** Grows by one with each change. */
  readonly version: bigint;
  readonly variants: readonly Variant[];
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** Throws FieldsInvalid or ProductTooLarge. */
export function createProduct(productId: string, content: Content, now: number): Product {
  if (content.status === 'DISCONTINUED') throw invalid('status', 'a new product is for sale');
  return checked({
    ...content,
    productId,
    version: 1n,
    variants: content.variants.map((variant) => ({ ...variant, inStock: undefined })),
    createdAt: now,
    updatedAt: now,
  });
}

/** An edit of the fields that are given, made on one version of a product. */
export interface Edit {
  readonly expected: bigint;
  readonly changes: Partial<Content>;
  readonly now: number;
}

/** Throws ProductVersionConflict, ProductStatusConflict, FieldsInvalid or ProductTooLarge. */
export function editProduct(product: Product, { expected, changes, now }: Edit): Product {
  const { productId, version } = product;
  if (version !== expected) {
    throw new ProductVersionConflict({
      product_id: productId,
      expected: String(expected),
      version: String(version),
    });
  }
  if (changes.status !== undefined) checkTransition(product, changes.status);
  const known = new Map(product.variants.map(({ sku, inStock }) => [sku, inStock]));
  const variants =
    changes.variants?.map((variant) => ({ ...variant, inStock: known.get(variant.sku) })) ??
    product.variants;
  const edited = { ...product, ...changes, variants, version: version + 1n, updatedAt: now };
  // Staff have the last word; without it the status follows what the variants have in stock.
  return checked(changes.status === undefined ? followStock(product, edited, now) : edited);
}

function checkTransition({ productId, status }: Product, wanted: Status): void {
  if (wanted === status || transitions[status].includes(wanted)) return;
  throw new ProductStatusConflict({ product_id: productId, status, wanted });
}

/** Notes whether SKUs are in stock. A version is due only when that changes the status: people do not see the rest. */
export function noteStock(
  product: Product,
  inStock: ReadonlyMap<string, boolean>,
  now: number,
): Product {
  const variants = product.variants.map((variant) => ({
    ...variant,
    inStock: inStock.get(variant.sku) ?? variant.inStock,
  }));
  return followStock(product, { ...product, variants }, now);
}

function followStock(before: Product, after: Product, now: number): Product {
  const isStocked = hasStock(after.variants);
  if (isStocked === undefined || isStocked === hasStock(before.variants)) return after;
  const [from, to]: [Status, Status] = isStocked
    ? ['OUT_OF_STOCK', 'AVAILABLE']
    : ['AVAILABLE', 'OUT_OF_STOCK'];
  if (after.status !== from) return after;
  return { ...after, status: to, version: before.version + 1n, updatedAt: now };
}

/** Undefined while it depends on a variant of which inventory has not spoken. */
function hasStock(variants: readonly Variant[]): boolean | undefined {
  if (variants.some(({ inStock }) => inStock === true)) return true;
  return variants.every(({ inStock }) => inStock === false) ? false : undefined;
}

/** What only the whole product shows. */
function checked(product: Product): Product {
  if (product.title === '') throw invalid('title', 'every product has a title');
  if (product.variants.length === 0) throw invalid('variants', 'every product has a variant');
  const skus = new Set<string>();
  for (const { sku } of product.variants) {
    if (skus.has(sku)) throw invalid('variants', `${sku} occurs twice`);
    skus.add(sku);
  }
  if (bytesOf(product) > limits.productBytesMax) {
    throw new ProductTooLarge({ limit: String(limits.productBytesMax) });
  }
  return product;
}

function invalid(field: string, description: string): FieldsInvalid {
  return new FieldsInvalid([{ field: `product.${field}`, description }]);
}

/** About what the product takes as a message: its texts, and a little for each thing in it. */
function bytesOf({ title, description, category, brand, localizedTexts, variants }: Product) {
  const texts = [title, description, category, brand];
  for (const [tag, text] of Object.entries(localizedTexts)) {
    texts.push(tag, text.title, text.description);
  }
  for (const { sku, title: form, currency, imageUrls, attributes } of variants) {
    texts.push(sku, form, currency, ...imageUrls);
    for (const [name, { value }] of Object.entries(attributes)) texts.push(name, String(value));
  }
  const bytesPerText = 8;
  return texts.reduce((sum, text) => sum + bytesPerText + Buffer.byteLength(text), 0);
}

/** The name of a variant in an order: "Runner (red, 42)". */
export function orderTitle(product: string, variant: string): string {
  return variant === '' ? product : `${product} (${variant})`;
}
