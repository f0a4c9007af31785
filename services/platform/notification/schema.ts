import { bigint, jsonb, pgTable, text, timestamp, uuid } from 'drizzle-orm/pg-core';

export const feed = pgTable('feed', {
  userId: uuid('user_id').primaryKey(),
  lastPosition: bigint('last_position', { mode: 'bigint' }).notNull().default(0n),
});

export const notification = pgTable('notification', {
  notificationId: uuid('notification_id').primaryKey(),
  userId: uuid('user_id').notNull(),
  position: bigint({ mode: 'bigint' }).notNull(),
  kind: text().notNull(),
  subjectId: text('subject_id').notNull(),
  parameters: jsonb().$type<Record<string, string>>().notNull(),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull(),
  readAt: timestamp('read_at', { withTimezone: true }),
});
