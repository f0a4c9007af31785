import {
  bigint,
  boolean,
  customType,
  integer,
  pgTable,
  primaryKey,
  text,
  timestamp,
  uuid,
} from 'drizzle-orm/pg-core';

const bytea = customType<{ data: Buffer }>({ dataType: () => 'bytea' });
const minor = (name: string) => bigint(name, { mode: 'bigint' });
const time = (name: string) => timestamp(name, { withTimezone: true });

export const payment = pgTable('payment', {
  paymentId: uuid('payment_id').primaryKey(),
  orderId: uuid('order_id').notNull().unique(),
  userId: uuid('user_id'),
  currency: text().notNull(),
  amountMinor: minor('amount_minor').notNull(),
  intent: text().notNull(),
  status: text().notNull(),
  authorizedMinor: minor('authorized_minor').notNull().default(0n),
  capturedMinor: minor('captured_minor').notNull().default(0n),
  refundedMinor: minor('refunded_minor').notNull().default(0n),
  declineCode: text('decline_code').notNull().default(''),
  voidRequested: boolean('void_requested').notNull().default(false),
  isReleased: boolean('is_released').notNull().default(false),
  operationCount: integer('operation_count').notNull().default(0),
  paymentToken: text('payment_token'),
  requestKey: uuid('request_key').unique(),
  requestHash: bytea('request_hash'),
  dueAt: time('due_at'),
  leasedUntil: time('leased_until'),
  epoch: integer().notNull().default(0),
  attempts: integer().notNull().default(0),
  version: bigint({ mode: 'bigint' }).notNull().default(1n),
  createdAt: time('created_at').notNull(),
  updatedAt: time('updated_at').notNull(),
});

export const operation = pgTable('operation', {
  operationId: uuid('operation_id').primaryKey(),
  paymentId: uuid('payment_id')
    .notNull()
    .references(() => payment.paymentId),
  kind: text().notNull(),
  amountMinor: minor('amount_minor').notNull(),
  state: text().notNull(),
  code: text().notNull(),
  reason: text().notNull(),
  requestHash: text('request_hash').notNull(),
  position: integer().notNull(),
  createdAt: time('created_at').notNull().defaultNow(),
});

export const providerFact = pgTable(
  'provider_fact',
  {
    paymentId: uuid('payment_id').notNull(),
    operation: text().notNull(),
    kind: text().notNull(),
    amountMinor: minor('amount_minor').notNull(),
    currency: text().notNull(),
    code: text().notNull(),
    source: text().notNull(),
    eventId: text('event_id'),
    verdict: text().notNull(),
    createdAt: time('created_at').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.paymentId, table.operation, table.kind] })],
);
