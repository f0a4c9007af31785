import { integer, jsonb, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { bytea, int8, time } from '#kit/db/columns.ts';
import type {
  AccountStatus,
  AccountType,
  FailureReason,
  Finding,
  Review,
  Transaction,
  TransactionStatus,
  TransactionType,
  Verdict,
} from './domain.ts';

export const account = pgTable('account', {
  accountId: uuid('account_id').primaryKey(),
  ownerId: uuid('owner_id'),
  type: text().$type<AccountType>(),
  currency: text().notNull(),
  status: text().$type<AccountStatus>().notNull(),
  floorMinor: int8('floor_minor'),
  postedMinor: int8('posted_minor').notNull(),
  heldMinor: int8('held_minor').notNull(),
  incomingMinor: int8('incoming_minor').notNull(),
  sequence: int8('sequence').notNull(),
  version: int8('version').notNull(),
  changeId: uuid('change_id').notNull(),
  openedAt: time('opened_at').notNull(),
  updatedAt: time('updated_at').notNull(),
});

/** A finding as it is kept: [rule id, action, explanation]. */
export type KeptFinding = [string, Finding['action'], string];

export const transaction = pgTable('transaction', {
  transactionId: uuid('transaction_id').primaryKey(),
  type: text().$type<TransactionType>().notNull(),
  status: text().$type<TransactionStatus>().notNull(),
  awaits: text().$type<NonNullable<Transaction['awaits']>>(),
  sourceId: uuid('source_id').notNull(),
  destinationId: uuid('destination_id').notNull(),
  amountMinor: int8('amount_minor').notNull(),
  currency: text().notNull(),
  furtherLegs: text('further_legs'),
  capturedMinor: int8('captured_minor').notNull(),
  reference: text().notNull(),
  initiatorId: uuid('initiator_id'),
  holdSeconds: integer('hold_seconds'),
  reversesId: uuid('reverses_id'),
  reversedById: uuid('reversed_by_id'),
  failure: text().$type<FailureReason>(),
  riskDecisionId: uuid('risk_decision_id'),
  riskAction: text('risk_action').$type<Verdict['action']>(),
  riskRules: int8('risk_rules'),
  riskHash: bytea('risk_hash'),
  complianceDecisionId: uuid('compliance_decision_id'),
  complianceAction: text('compliance_action').$type<Verdict['action']>(),
  complianceRules: int8('compliance_rules'),
  complianceHash: bytea('compliance_hash'),
  verdictExpiresAt: time('verdict_expires_at'),
  findings: jsonb().$type<{ risk: KeptFinding[]; compliance: KeptFinding[] }>(),
  reviews: jsonb().$type<Review[]>(),
  createdAt: time('created_at').notNull(),
  updatedAt: time('updated_at').notNull(),
  expiresAt: time('expires_at'),
});

export const entry = pgTable(
  'entry',
  {
    accountId: uuid('account_id').notNull(),
    sequence: int8('sequence').notNull(),
    transactionId: uuid('transaction_id').notNull(),
    deltaMinor: int8('delta_minor').notNull(),
    balanceMinor: int8('balance_minor').notNull(),
    createdAt: time('created_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.accountId, table.sequence] })],
);

export const checkedEntry = pgTable('checked_entry', {
  accountId: uuid('account_id').primaryKey(),
  sequence: int8('sequence').notNull(),
  balanceMinor: int8('balance_minor').notNull(),
});
