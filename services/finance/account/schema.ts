import { boolean, pgTable, text, uuid } from 'drizzle-orm/pg-core';
import { bytea, int8, time } from '#kit/db/columns.ts';
import type { AccountType } from './domain.ts';

export const accountTable = pgTable('account', {
  accountId: uuid('account_id').primaryKey(),
  ownerId: uuid('owner_id').notNull(),
  type: text().$type<AccountType>().notNull(),
  currency: text().notNull(),
  creditLimitMinor: int8('credit_limit_minor').notNull(),
  numberSealed: bytea('number_sealed').notNull(),
  legalNameSealed: bytea('legal_name_sealed').notNull(),
  taxIdSealed: bytea('tax_id_sealed').notNull(),
  numberToken: bytea('number_token').unique(),
  taxIdToken: bytea('tax_id_token'),
  createdAt: time('created_at').notNull(),
  openedAt: time('opened_at'),
});

export const erasure = pgTable('erasure', {
  ownerId: uuid('owner_id').primaryKey(),
  erasedAt: time('erased_at').notNull(),
  finishedAt: time('finished_at'),
});

export const screening = pgTable('screening', {
  isCurrent: boolean('is_current').primaryKey().default(true),
  eventId: uuid('event_id').notNull(),
  afterAccountId: uuid('after_account_id'),
});
