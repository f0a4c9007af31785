import fc from 'fast-check';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { runs } from '../testing/property.ts';
import { byteaArray } from './arrays.ts';
import { createDatabase, type Database } from './database.ts';

let database: Database;

beforeAll(() => {
  database = createDatabase({ url: inject('servers').databaseUrl, schema: 'public' });
});
afterAll(() => database.close());

const noNul = fc.oneof(
  fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\0', '')),
  // What PostgreSQL takes for something else when it is not quoted, often enough to stand beside its like.
  fc.constantFrom('null', 'NULL', 'Null', '', '{}', 'a,b'),
);

test('an array of texts comes back as it went, whatever is in them', async () => {
  const texts = fc.array(fc.option(noNul), { maxLength: 12 });
  const property = fc.asyncProperty(texts, async (array) => {
    const [row] = await database.sql`select ${array}::text[] as array`;
    expect(row!.array).toEqual(array);
  });
  await fc.assert(property, runs(300));
});

test('an array of bytes comes back as it went', async () => {
  const bytes = fc.array(fc.option(fc.uint8Array({ maxLength: 40 })), { maxLength: 12 });
  const property = fc.asyncProperty(bytes, async (array) => {
    const parameter = database.sql.typed(array, byteaArray);
    const [row] = await database.sql`select ${parameter} as array`;
    expect(row!.array).toEqual(array.map((each) => each && Buffer.from(each)));
  });
  await fc.assert(property, runs(300));
});

test('arrays of other types come back in the form of their elements', async () => {
  const { sql } = database;
  const [row] = await sql`
    select ${['9007199254740993', null]}::bigint[] as bigints, array[1, 2] as ints,
      array[true, false] as booleans, ${['01A203DE-187F-7000-9043-39C3741124BB']}::uuid[] as ids,
      array['\\x0aff'::bytea] as bytes, array['2026-01-02T03:04:05Z'::timestamptz] as times,
      '{}'::text[] as nothing`;
  expect(row).toEqual({
    bigints: [9_007_199_254_740_993n, null],
    ints: [1, 2],
    booleans: [true, false],
    ids: ['01a203de-187f-7000-9043-39c3741124bb'],
    bytes: [Buffer.from([10, 255])],
    times: [new Date('2026-01-02T03:04:05Z')],
    nothing: [],
  });
});
