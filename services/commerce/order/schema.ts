import { jsonb, pgTable, text, uuid } from 'drizzle-orm/pg-core';
import { bytea, int8, time } from '#kit/db/columns.ts';
import type { Address, CancelReason, Status, Step } from './domain.ts';

/** A line as jsonb carries it: what is wider than a double is a string. */
export type LineRow = [
  sku: string,
  productId: string,
  title: string,
  units: number,
  unitMinor: string,
];

export const customerOrder = pgTable('customer_order', {
  orderId: uuid('order_id').primaryKey(),
  userId: uuid('user_id').notNull(),
  requestId: uuid('request_id').notNull(),
  requestHash: bytea('request_hash').notNull(),
  status: text().$type<Status>().notNull(),
  step: text().$type<Step>().notNull(),
  lines: jsonb().$type<LineRow[]>().notNull(),
  currency: text().notNull(),
  totalMinor: int8('total_minor').notNull(),
  address: jsonb().$type<Address>().notNull(),
  paymentToken: text('payment_token'),
  accountId: uuid('account_id'),
  paymentId: uuid('payment_id'),
  cancelReason: text('cancel_reason').$type<CancelReason>(),
  cancelDetail: text('cancel_detail').notNull().default(''),
  trackingCode: text('tracking_code').notNull().default(''),
  version: int8('version').notNull().default(1n),
  leaseUntil: time('lease_until'),
  createdAt: time('created_at').notNull(),
  updatedAt: time('updated_at').notNull(),
});
