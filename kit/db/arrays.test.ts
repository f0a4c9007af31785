import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
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

test('numbers come back as they went, however they are given', async () => {
  const int8 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
  const given = fc.array(
    int8.chain((each) => fc.constantFrom(each, String(each))),
    {
      minLength: 1,
      maxLength: 12,
    },
  );
  const property = fc.asyncProperty(given, fc.array(fc.maxSafeInteger()), async (bigs, safe) => {
    const [row] = await database.sql`
      select ${bigs.map(String)}::bigint[] as bigs, ${safe}::bigint[] as safe`;
    expect(row).toEqual({ bigs: bigs.map(BigInt), safe: safe.map(BigInt) });
  });
  await fc.assert(property, runs(300));
});

test('booleans, small numbers and times come back as they went', async () => {
  const times = [new Date('1969-12-31T23:59:59.999Z'), null, new Date('9999-12-31T00:00:00Z')];
  const { sql } = database;
  const [row] = await sql`
    select ${sql.typed([true, null, false], 1000)} as booleans,
      ${sql.typed([2 ** 31 - 1, -(2 ** 31)], 1007)} as ints, ${sql.typed(times, 1185)} as times`;
  expect(row).toEqual({
    booleans: [true, null, false],
    ints: [2 ** 31 - 1, -(2 ** 31)],
    times,
  });
});

test('an array that is larger than the room for it comes back as it went', async () => {
  const array = Array.from({ length: 3000 }, (_, i) => 'ab'.repeat(i));
  const [row] = await database.sql`select ${array}::text[] as array, ${array}::text[] as again`;
  expect(row).toEqual({ array, again: array });
});

describe('what is no value of the type', () => {
  test.each([
    ['uuid', '01a203de-187f-7000-9043-39c3741124bg'],
    ['uuid', '01a203de-187f-7000-9043-39c3741124b'],
    ['uuid', '01a203de0187f-7000-9043-39c3741124bb'],
    ['uuid', '01a203de-187f-7000-9043-39c3741124b\u00df'],
    ['bigint', '9223372036854775808'],
    ['bigint', '1.5'],
    ['bigint', ''],
    ['bigint', '-'],
    ['integer', '2147483648'],
    ['text', 'a\0b'],
  ])(
    'is refused by the database, and statements beside it have their answers: %s %j',
    async (type, value) => {
      const { sql } = database;
      const refused = sql.unsafe(`select $1::${type}[] as array`, [[value]] as never[], {
        prepare: true,
      });
      const beside = [1, 2, 3].map((n) => sql`select ${[String(n)]}::bigint[] as array`);
      const [outcome, ...answers] = await Promise.allSettled([refused, ...beside]);
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: { code: type === 'text' ? '22021' : '22P03' },
      });
      expect(answers).toMatchObject(
        [1n, 2n, 3n].map((n) => ({ status: 'fulfilled', value: [{ array: [n] }] })),
      );
    },
  );

  test('a text that looks like a mark is refused', async () => {
    const statement = database.sql`select ${'\0' + '0'}::text as text, ${['a']}::text[] as array`;
    await expect(statement).rejects.toMatchObject({ code: '22021' });
  });
});
