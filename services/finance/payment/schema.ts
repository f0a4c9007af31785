import { boolean, integer, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { bytea, int8, time } from '#kit/db/columns.ts';
import type { StoredFact } from './domain/record.ts';
import type { Verdict } from './domain/reducer.ts';
import type { Settlement } from './domain/settlement.ts';
import type { Fact, Operation, Payment, Status } from './domain.ts';

export const payment = pgTable('payment', {
  paymentId: uuid('payment_id').primaryKey(),
  orderId: uuid('order_id').notNull().unique(),
  userId: uuid('user_id'),
  currency: text().notNull(),
  amountMinor: int8('amount_minor').notNull(),
  intent: text().$type<Payment['intent']>().notNull(),
  status: text().$type<Status>().notNull(),
  authorizedMinor: int8('authorized_minor').notNull().default(0n),
  capturedMinor: int8('captured_minor').notNull().default(0n),
  refundedMinor: int8('refunded_minor').notNull().default(0n),
  declineCode: text('decline_code').notNull().default(''),
  voidRequested: boolean('void_requested').notNull().default(false),
  isReleased: boolean('is_released').notNull().default(false),
  operationCount: integer('operation_count').notNull().default(0),
  paymentToken: text('payment_token'),
  accountId: uuid('account_id'),
  payeeAccountId: uuid('payee_account_id'),
  transactionId: uuid('transaction_id'),
  settlementId: uuid('settlement_id'),
  requestKey: uuid('request_key').unique(),
  requestHash: bytea('request_hash'),
  dueAt: time('due_at'),
  leasedUntil: time('leased_until'),
  epoch: integer().notNull().default(0),
  attempts: integer().notNull().default(0),
  version: int8('version').notNull().default(1n),
  createdAt: time('created_at').notNull(),
  updatedAt: time('updated_at').notNull(),
});

export const operation = pgTable('operation', {
  operationId: uuid('operation_id').primaryKey(),
  paymentId: uuid('payment_id')
    .notNull()
    .references(() => payment.paymentId),
  kind: text().$type<Operation['kind']>().notNull(),
  amountMinor: int8('amount_minor').notNull(),
  state: text().$type<Operation['state']>().notNull(),
  code: text().notNull(),
  reason: text().notNull(),
  requestHash: text('request_hash').notNull(),
  position: integer().notNull(),
  settlesIn: text('settles_in'),
  settlementId: uuid('settlement_id'),
  createdAt: time('created_at').notNull().defaultNow(),
});

export const providerFact = pgTable(
  'provider_fact',
  {
    paymentId: uuid('payment_id').notNull(),
    operation: text().notNull(),
    kind: text().$type<Fact['kind']>().notNull(),
    amountMinor: int8('amount_minor').notNull(),
    currency: text().notNull(),
    code: text().notNull(),
    source: text().$type<StoredFact['source']>().notNull(),
    eventId: text('event_id'),
    verdict: text().$type<Verdict>().notNull(),
    createdAt: time('created_at').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.paymentId, table.operation, table.kind] })],
);

export const settlement = pgTable('settlement', {
  settlementId: uuid('settlement_id').primaryKey(),
  kind: text().$type<Settlement['kind']>().notNull(),
  currency: text().notNull(),
  amountMinor: int8('amount_minor').notNull(),
  itemCount: integer('item_count').notNull(),
  state: text().$type<Settlement['state']>().notNull(),
  refusals: integer().notNull().default(0),
  transactionId: uuid('transaction_id'),
  failure: text().notNull().default(''),
  dueAt: time('due_at'),
  createdAt: time('created_at').notNull(),
  updatedAt: time('updated_at').notNull(),
});
