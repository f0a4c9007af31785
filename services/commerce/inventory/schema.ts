import { sql } from 'drizzle-orm';
import { bigint, jsonb, pgTable, text, timestamp, uuid } from 'drizzle-orm/pg-core';

export const stock = pgTable('stock', {
  sku: text().primaryKey(),
  onHand: bigint('on_hand', { mode: 'bigint' }).notNull(),
  reserved: bigint({ mode: 'bigint' }).notNull().default(0n),
  sold: bigint({ mode: 'bigint' }).notNull().default(0n),
  received: bigint({ mode: 'bigint' }).generatedAlwaysAs(sql`on_hand + sold`),
  version: bigint({ mode: 'bigint' }).notNull().default(1n),
  updatedAt: timestamp('updated_at', { withTimezone: true }).notNull().defaultNow(),
});

export const reservation = pgTable('reservation', {
  orderId: uuid('order_id').primaryKey(),
  state: text().notNull(),
  lines: jsonb().$type<[sku: string, units: number][]>().notNull(),
  expiresAt: timestamp('expires_at', { withTimezone: true }).notNull(),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
});
