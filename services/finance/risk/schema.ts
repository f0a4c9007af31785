import { integer, jsonb, pgTable, smallint, text, unique, uuid } from 'drizzle-orm/pg-core';
import { bytea, int8, time } from '#kit/db/columns.ts';
import type { Action, Finding, Rule, RuleSetMode } from './domain.ts';

export const ruleSet = pgTable('rule_set', {
  version: int8('version').primaryKey(),
  mode: text().$type<RuleSetMode>().notNull(),
  rules: jsonb().$type<(Omit<Rule, 'ruleSetVersion'> & { ruleSetVersion: number })[]>().notNull(),
  authorId: uuid('author_id'),
  createdAt: time('created_at').notNull().defaultNow(),
});

export const decision = pgTable(
  'decision',
  {
    decisionId: uuid('decision_id').primaryKey(),
    transactionId: uuid('transaction_id').notNull(),
    contentHash: bytea('content_hash').notNull(),
    action: text().$type<Action>().notNull(),
    findings: jsonb().$type<Finding[]>(),
    ruleSetVersion: int8('rule_set_version').notNull(),
    inputs: text().notNull(),
    decidedAt: time('decided_at').notNull(),
    expiresAt: time('expires_at').notNull(),
    lapsedAt: time('lapsed_at'),
    renewals: smallint().notNull().default(0),
  },
  (table) => [unique('decision_transaction').on(table.transactionId, table.renewals)],
);

export const velocity = pgTable('velocity', {
  subject: text().primaryKey(),
  usage: bytea('usage').notNull(),
  lastDay: integer('last_day').notNull(),
});

export const reservation = pgTable('reservation', {
  decisionId: uuid('decision_id').primaryKey(),
  claims: text().notNull(),
  divisibleMinor: int8('divisible_minor'),
  dueAt: time('due_at').notNull(),
});
