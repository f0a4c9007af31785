import { boolean, integer, jsonb, pgTable, text, uuid } from 'drizzle-orm/pg-core';
import { int8, time } from '#kit/db/columns.ts';
import type { Product, Status } from './domain.ts';

export const product = pgTable('product', {
  productId: uuid('product_id').primaryKey(),
  version: int8('version').notNull(),
  title: text().notNull(),
  description: text().notNull(),
  localizedTexts: jsonb('localized_texts').$type<Product['localizedTexts']>().notNull(),
  category: text().notNull(),
  brand: text().notNull(),
  status: text().$type<Status>().notNull(),
  createdAt: time('created_at').notNull(),
  updatedAt: time('updated_at').notNull(),
});

export const variant = pgTable('variant', {
  sku: text().primaryKey(),
  productId: uuid('product_id').notNull(),
  position: integer().notNull(),
  title: text().notNull(),
  currency: text().notNull(),
  unitMinor: int8('unit_minor').notNull(),
  imageUrls: jsonb('image_urls').$type<string[]>().notNull(),
  attributes: jsonb().$type<Record<string, { kind: string; value: string | boolean }>>().notNull(),
  inStock: boolean('in_stock'),
});
