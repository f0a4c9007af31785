import {
  bigint,
  boolean,
  integer,
  jsonb,
  pgTable,
  text,
  timestamp,
  uuid,
} from 'drizzle-orm/pg-core';
import type { LocalizedText } from './domain.ts';

export const product = pgTable('product', {
  productId: uuid('product_id').primaryKey(),
  version: bigint({ mode: 'bigint' }).notNull(),
  title: text().notNull(),
  description: text().notNull(),
  localizedTexts: jsonb('localized_texts').$type<Record<string, LocalizedText>>().notNull(),
  category: text().notNull(),
  brand: text().notNull(),
  status: text().notNull(),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull(),
  updatedAt: timestamp('updated_at', { withTimezone: true }).notNull(),
});

export const variant = pgTable('variant', {
  sku: text().primaryKey(),
  productId: uuid('product_id').notNull(),
  position: integer().notNull(),
  title: text().notNull(),
  currency: text().notNull(),
  unitMinor: bigint('unit_minor', { mode: 'bigint' }).notNull(),
  imageUrls: jsonb('image_urls').$type<string[]>().notNull(),
  attributes: jsonb().$type<Record<string, { kind: string; value: string | boolean }>>().notNull(),
  inStock: boolean('in_stock'),
});
