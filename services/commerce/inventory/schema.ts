import { sql } from 'drizzle-orm';
import { bigint, jsonb, pgTable, primaryKey, text, timestamp, uuid } from 'drizzle-orm/pg-core';
import type { Movement } from './domain.ts';

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

export const stockMovement = pgTable(
  'stock_movement',
  {
    sku: text().notNull(),
    position: bigint({ mode: 'bigint' }).notNull().generatedAlwaysAsIdentity(),
    kind: text().$type<Movement['kind']>().notNull(),
    delta: bigint({ mode: 'bigint' }).notNull(),
    onHand: bigint('on_hand', { mode: 'bigint' }).notNull(),
    reason: text().notNull(),
    staffId: uuid('staff_id'),
    requestId: uuid('request_id'),
    createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.sku, table.position] })],
);
