import { json, pgTable, primaryKey, smallint, text, uuid } from 'drizzle-orm/pg-core';
import { bytea, int8, time } from '#kit/db/columns.ts';

export const waitingEntry = pgTable('waiting_entry', {
  seq: int8('seq').primaryKey().generatedAlwaysAsIdentity(),
  leaf: json().notNull(),
});

export const auditEntry = pgTable('audit_entry', {
  leafIndex: int8('leaf_index').primaryKey(),
  leafHash: bytea('leaf_hash').notNull(),
  leaf: json().notNull(),
  entryId: uuid('entry_id').notNull(),
  actedMs: int8('acted_ms').notNull(),
  who: text().notNull(),
  action: text().notNull(),
  resource: text().notNull(),
  resourceId: text('resource_id').notNull(),
});

export const tile = pgTable(
  'tile',
  {
    level: smallint().notNull(),
    index: int8('index').notNull(),
    hashes: bytea('hashes').notNull(),
    root: bytea('root').notNull(),
  },
  (table) => [primaryKey({ columns: [table.level, table.index] })],
);

export const checkpoint = pgTable('checkpoint', {
  treeSize: int8('tree_size').primaryKey(),
  root: bytea('root').notNull(),
  note: text().notNull(),
  createdAt: time('created_at').notNull().defaultNow(),
});
