import { sql } from 'drizzle-orm';
import { jsonb, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { int8, time } from '#kit/db/columns.ts';
import type { Movement, ReservationState } from './domain.ts';

export const stock = pgTable('stock', {
  sku: text().primaryKey(),
  onHand: int8('on_hand').notNull(),
  reserved: int8('reserved').notNull().default(0n),
  sold: int8('sold').notNull().default(0n),
  // By what it is made of it cannot be wrong: only the movements, counted apart, show a unit that was lost or made.
  received: int8('received').generatedAlwaysAs(sql`on_hand + sold`),
  version: int8('version').notNull().default(1n),
  updatedAt: time('updated_at').notNull().defaultNow(),
});

export const reservation = pgTable('reservation', {
  orderId: uuid('order_id').primaryKey(),
  state: text().$type<ReservationState>().notNull(),
  lines: jsonb().$type<[sku: string, units: number][]>().notNull(),
  expiresAt: time('expires_at').notNull(),
  createdAt: time('created_at').notNull().defaultNow(),
});

export const stockMovement = pgTable(
  'stock_movement',
  {
    sku: text().notNull(),
    position: int8('position').notNull().generatedAlwaysAsIdentity(),
    kind: text().$type<Movement['kind']>().notNull(),
    delta: int8('delta').notNull(),
    onHand: int8('on_hand').notNull(),
    reason: text().notNull(),
    staffId: uuid('staff_id'),
    requestId: uuid('request_id'),
    createdAt: time('created_at').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.sku, table.position] })],
);
