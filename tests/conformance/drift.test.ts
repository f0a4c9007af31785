import { existsSync } from 'node:fs';
import { is } from 'drizzle-orm';
import { PgTable } from 'drizzle-orm/pg-core';
import postgres from 'postgres';
import { expect, inject, test } from 'vitest';
import { findDrift } from '#kit/testing/drift.ts';
import { createTestSchema } from '#kit/testing/schema.ts';
import { registry } from '#services/registry.ts';
import { root } from '#tools/run.ts';

const folders = registry
  .map(({ name }) => ({ name, folder: `${root}services/${name.replace('.', '/')}` }))
  .filter(({ folder }) => existsSync(`${folder}/migrations`));

test.each(folders)('$name: schema.ts says what the migrations make', async ({ folder }) => {
  const tables = Object.values(await import(`${folder}/schema.ts`)).filter((made) =>
    is(made, PgTable),
  );
  const { url, schema, stop } = await createTestSchema(inject('servers').databaseUrl, [
    `${folder}/migrations`,
  ]);
  const sql = postgres(url, { max: 1 });
  expect(await findDrift(sql, schema, tables)).toEqual([]);
  await sql.end();
  await stop();
});
