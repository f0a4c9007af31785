import { jsonb, pgTable, text, uuid } from 'drizzle-orm/pg-core';
import { int8, time } from '#kit/db/columns.ts';
import type { Kind, Parameters } from './domain.ts';

export const feed = pgTable('feed', {
  userId: uuid('user_id').primaryKey(),
  lastPosition: int8('last_position').notNull().default(0n),
});

export const notification = pgTable('notification', {
  notificationId: uuid('notification_id').primaryKey(),
  userId: uuid('user_id').notNull(),
  position: int8('position').notNull(),
  kind: text().$type<Kind>().notNull(),
  subjectId: text('subject_id').notNull(),
  parameters: jsonb().$type<Parameters>().notNull(),
  createdAt: time('created_at').notNull(),
  readAt: time('read_at'),
});
