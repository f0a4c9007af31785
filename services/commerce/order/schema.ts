import { bigint, customType, jsonb, pgTable, text, timestamp, uuid } from 'drizzle-orm/pg-core';
import type { Address, CancelReason, Status, Step } from './domain.ts';

const bytea = customType<{ data: Buffer }>({ dataType: () => 'bytea' });

export const customerOrder = pgTable('customer_order', {
  orderId: uuid('order_id').primaryKey(),
  userId: uuid('user_id').notNull(),
  requestId: uuid('request_id').notNull(),
  requestHash: bytea('request_hash').notNull(),
  status: text().$type<Status>().notNull(),
  step: text().$type<Step>().notNull(),
  lines: jsonb().$type<[string, string, string, number, string][]>().notNull(),
  currency: text().notNull(),
  totalMinor: bigint('total_minor', { mode: 'bigint' }).notNull(),
  address: jsonb().$type<Address>().notNull(),
  paymentToken: text('payment_token'),
  paymentId: uuid('payment_id'),
  cancelReason: text('cancel_reason').$type<CancelReason>(),
  cancelDetail: text('cancel_detail').notNull().default(''),
  trackingCode: text('tracking_code').notNull().default(''),
  version: bigint({ mode: 'bigint' }).notNull().default(1n),
  leaseUntil: timestamp('lease_until', { withTimezone: true }),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull(),
  updatedAt: timestamp('updated_at', { withTimezone: true }).notNull(),
});
