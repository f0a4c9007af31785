import { bigint, integer, pgTable, text } from 'drizzle-orm/pg-core';
import postgres from 'postgres';
import { expect, inject, test } from 'vitest';
import { findDrift } from './drift.ts';
import { createTestSchema } from './schema.ts';

test('every kind of difference is told by table and column', async () => {
  const { url, schema, stop } = await createTestSchema(inject('servers').databaseUrl);
  const sql = postgres(url, { max: 1, connection: { search_path: schema } });
  await sql`create table thing (id text primary key, size bigint not null, name text, old text)`;
  const thing = pgTable('thing', {
    id: text().primaryKey(),
    size: integer().notNull(),
    name: text().notNull(),
    fresh: text(),
  });
  expect(await findDrift(sql, schema, [thing])).toEqual([
    'thing.fresh is in schema.ts and not in the migrations',
    'thing.name is "text not null" in schema.ts and "text" in the migrations',
    'thing.old is in the migrations and not in schema.ts',
    'thing.size is "integer not null" in schema.ts and "bigint not null" in the migrations',
  ]);
  const same = pgTable('thing', {
    id: text().primaryKey(),
    size: bigint({ mode: 'bigint' }).notNull(),
    name: text(),
    old: text(),
  });
  expect(await findDrift(sql, schema, [same])).toEqual([]);
  await sql.end();
  await stop();
});
