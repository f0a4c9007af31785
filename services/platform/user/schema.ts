import { integer, pgTable, text, uuid } from 'drizzle-orm/pg-core';
import { bytea, int8, time } from '#kit/db/columns.ts';
import type { Role, UserStatus } from './domain.ts';

export const appUser = pgTable('app_user', {
  userId: uuid('user_id').primaryKey(),
  email: text().notNull(),
  passwordHash: text('password_hash').notNull(),
  name: text().notNull(),
  phone: text().notNull().default(''),
  roles: text().array().$type<Role[]>().notNull(),
  status: text().$type<UserStatus>().notNull(),
  statusReason: text('status_reason').notNull().default(''),
  version: int8('version').notNull().default(1n),
  createdAt: time('created_at').notNull(),
  updatedAt: time('updated_at').notNull(),
});

export const address = pgTable('address', {
  addressId: uuid('address_id').primaryKey(),
  userId: uuid('user_id').notNull(),
  label: text().notNull(),
  recipient: text().notNull(),
  lines: text().array().notNull(),
  city: text().notNull(),
  region: text().notNull(),
  postalCode: text('postal_code').notNull(),
  countryCode: text('country_code').notNull(),
  createdAt: time('created_at').notNull(),
});

export const session = pgTable('session', {
  sessionId: uuid('session_id').primaryKey(),
  userId: uuid('user_id').notNull(),
  deviceName: text('device_name').notNull(),
  startedAt: time('started_at').notNull(),
  usedAt: time('used_at').notNull(),
  expiresAt: time('expires_at').notNull(),
  endedAt: time('ended_at'),
  tokenDigest: bytea('token_digest').notNull(),
  previousDigest: bytea('previous_digest'),
  previousRequestId: uuid('previous_request_id'),
  previousAnswer: bytea('previous_answer'),
  rotatedAt: time('rotated_at'),
});

export const signInAttempt = pgTable('sign_in_attempt', {
  subject: bytea().primaryKey(),
  attempts: integer().notNull(),
  startedAt: time('started_at').notNull(),
});

export const signingKey = pgTable('signing_key', {
  keyId: uuid('key_id').primaryKey(),
  publicKey: text('public_key').notNull(),
  privateKey: bytea('private_key').notNull(),
  publishedAt: time('published_at').notNull(),
  signsFrom: time('signs_from').notNull(),
});
