/** Domain to proto and back. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type {
  AttributeValue,
  PricedVariantSchema,
  ProductContent,
  ProductSchema,
  Variant as ProtoVariant,
} from '#gen/commerce/product/v1/product_pb.ts';
import { ProductStatus } from '#gen/commerce/product/v1/product_pb.ts';
import { assert } from '#kit/errors.ts';
import { FieldsInvalid } from '#kit/mesh-errors.ts';
import {
  type Attribute,
  type Content,
  orderTitle,
  type Product,
  type Status,
  type VariantContent,
} from './domain.ts';
import type { Price } from './store.ts';

export function productToProto(product: Product): MessageInitShape<typeof ProductSchema> {
  const { status, localizedTexts, variants, createdAt, updatedAt, ...rest } = product;
  return {
    ...rest,
    status: ProductStatus[status],
    localizedTexts: { ...localizedTexts },
    variants: variants.map(variantToProto),
    createTime: timestampFromMs(createdAt),
    updateTime: timestampFromMs(updatedAt),
  };
}

function variantToProto({
  sku,
  title,
  currency,
  unitMinor,
  imageUrls,
  attributes,
}: VariantContent) {
  const values = Object.entries(attributes).map(([name, value]) => [name, attributeToProto(value)]);
  return {
    sku,
    title,
    unitPrice: { currencyCode: currency, amountMinor: unitMinor },
    imageUrls: [...imageUrls],
    attributes: Object.fromEntries(values),
  };
}

type ProtoAttribute = Pick<AttributeValue, 'value'>;

/** A kind is the name of its oneof field without "Value". */
function attributeToProto({ kind, value }: Attribute): ProtoAttribute {
  return { value: { case: `${kind}Value`, value } } as ProtoAttribute;
}

function attributeFromProto({ value }: AttributeValue): Attribute {
  assert(value.case !== undefined, 'an attribute has a value after validation');
  return { kind: value.case.replace('Value', ''), value: value.value } as Attribute;
}

export function contentFromProto(content: ProductContent): Content {
  const { title, description, category, brand, status, localizedTexts, variants } = content;
  const texts = Object.entries(localizedTexts).map(([tag, text]) => [
    tag,
    { title: text.title, description: text.description },
  ]);
  return {
    title,
    description,
    category,
    brand,
    status: statusFromProto(status) ?? 'AVAILABLE',
    localizedTexts: Object.fromEntries(texts),
    variants: variants.map(variantFromProto),
  };
}

/** The fields that a mask names, by their new values. */
export function changesFromProto(product: ProductContent, paths: string[]): Partial<Content> {
  const content = contentFromProto(product);
  const names = paths.map((path) => (path === 'localized_texts' ? 'localizedTexts' : path));
  if (paths.includes('status') && product.status === ProductStatus.UNSPECIFIED) {
    throw new FieldsInvalid([{ field: 'product.status', description: 'is named and not given' }]);
  }
  return Object.fromEntries(Object.entries(content).filter(([name]) => names.includes(name)));
}

function variantFromProto(variant: ProtoVariant): VariantContent {
  const { sku, title, unitPrice, imageUrls, attributes } = variant;
  const values = Object.entries(attributes).map(([name, value]) => [
    name,
    attributeFromProto(value),
  ]);
  return {
    sku,
    title,
    currency: unitPrice!.currencyCode,
    unitMinor: unitPrice!.amountMinor,
    imageUrls,
    attributes: Object.fromEntries(values),
  };
}

const statuses: Record<ProductStatus, Status | undefined> = {
  [ProductStatus.UNSPECIFIED]: undefined,
  [ProductStatus.AVAILABLE]: 'AVAILABLE',
  [ProductStatus.OUT_OF_STOCK]: 'OUT_OF_STOCK',
  [ProductStatus.DISCONTINUED]: 'DISCONTINUED',
};

/** Undefined for UNSPECIFIED. */
export function statusFromProto(status: ProductStatus): Status | undefined {
  return statuses[status];
}

export function priceToProto(price: Price): MessageInitShape<typeof PricedVariantSchema> {
  const { sku, productId, productTitle, title, currency, unitMinor, status, inStock } = price;
  return {
    sku,
    productId,
    title: orderTitle(productTitle, title),
    unitPrice: { currencyCode: currency, amountMinor: unitMinor },
    status: ProductStatus[status],
    inStock,
  };
}
