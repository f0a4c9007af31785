import { boolean, integer, jsonb, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { bytea, int8, time } from '#kit/db/columns.ts';
import type { CaseState, JournalKind } from './domain/cases.ts';
import type { Action, Typology } from './domain.ts';

export const ruleSet = pgTable('rule_set', {
  version: int8('version').primaryKey(),
  rules: jsonb().notNull(),
  staffId: uuid('staff_id'),
  createdAt: time('created_at').notNull().defaultNow(),
});

export const accountWindow = pgTable('account_window', {
  accountId: uuid('account_id').primaryKey(),
  ownerId: uuid('owner_id').notNull(),
  openedAt: time('opened_at').notNull(),
  movements: bytea('movements').notNull(),
  createdAt: time('created_at').notNull().defaultNow(),
});

export const decision = pgTable('decision', {
  transactionId: uuid('transaction_id').primaryKey(),
  decisionId: uuid('decision_id').notNull(),
  contentHash: bytea('content_hash').notNull(),
  action: text().$type<Action>().notNull(),
  ruleSetVersion: int8('rule_set_version').notNull(),
  findings: jsonb().notNull(),
  decidedAt: time('decided_at').notNull(),
});

export const caseFile = pgTable('case_file', {
  caseId: uuid('case_id').primaryKey(),
  ownerId: uuid('owner_id').notNull(),
  typology: text().$type<Typology>().notNull(),
  state: text().$type<CaseState>().notNull().default('OPEN'),
  assigneeId: uuid('assignee_id'),
  evidenceCount: integer('evidence_count').notNull().default(0),
  omittedCount: integer('omitted_count').notNull().default(0),
  journalCount: integer('journal_count').notNull().default(0),
  blocksCustomer: boolean('blocks_customer').notNull().default(false),
  reportNumber: int8('report_number').notNull().default(0n),
  createdAt: time('created_at').notNull(),
  updatedAt: time('updated_at').notNull(),
});

export const evidence = pgTable(
  'evidence',
  {
    caseId: uuid('case_id').notNull(),
    position: int8('position').notNull().generatedAlwaysAsIdentity(),
    transactionId: uuid('transaction_id'),
    ruleId: text('rule_id').notNull(),
    explanation: text().notNull(),
    amountMinor: int8('amount_minor'),
    currency: text(),
    staffId: uuid('staff_id'),
    occurredAt: time('occurred_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.caseId, table.position] })],
);

export const journal = pgTable(
  'journal',
  {
    caseId: uuid('case_id').notNull(),
    position: int8('position').notNull().generatedAlwaysAsIdentity(),
    kind: text().$type<JournalKind>().notNull(),
    staffId: uuid('staff_id'),
    text: text().notNull(),
    createdAt: time('created_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.caseId, table.position] })],
);

export const report = pgTable('report', {
  caseId: uuid('case_id').primaryKey(),
  reportNumber: int8('report_number').notNull(),
  content: bytea('content').notNull(),
  createdAt: time('created_at').notNull(),
});

export const customer = pgTable('customer', {
  ownerId: uuid('owner_id').primaryKey(),
  nameDigest: bytea('name_digest').notNull(),
  listVersion: text('list_version').notNull(),
  match: text().$type<Action>().notNull().default('ALLOW'),
  matchedEntries: text('matched_entries').array().notNull(),
  clearedEntries: text('cleared_entries').array().notNull(),
  screenedAt: time('screened_at').notNull(),
});

export const sanctionsList = pgTable('sanctions_list', {
  position: int8('position').primaryKey().generatedAlwaysAsIdentity(),
  version: text().notNull(),
  entryCount: integer('entry_count').notNull(),
  loadedAt: time('loaded_at').notNull(),
});
