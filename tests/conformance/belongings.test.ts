/** What foreign.test.ts stands on: the owner lacks nothing, and a field says by its name that it names a thing. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { allMethods } from '../support/any-method.ts';
import { whereToAdd } from '../support/belongings.ts';
import type { Owner } from '../support/owner.ts';
import { uuidFields } from '../support/requests/rules.ts';
import { startWorld, type World } from '../support/world.ts';

let world: World;
let owner: Owner;

beforeAll(async () => {
  world = await startWorld();
  owner = await world.owner('who-lacks-nothing', 1n);
});
afterAll(() => world.stop());

test('the owner has something in every table that says whose its rows are', async () => {
  const { sql } = world.network;
  const tables = await sql`
    select table_schema as schema, table_name as name from information_schema.columns
    where column_name = 'user_id'`;
  const empty: string[] = [];
  for (const { schema, name } of tables) {
    const rows = await sql`
      select from ${sql(schema)}.${sql(name)} where user_id = ${owner.id} limit 1`;
    if (rows.length === 0) empty.push(`${schema}.${name}`);
  }
  expect(tables.length).toBeGreaterThan(5);
  expect(empty, `tables without a row of the owner: ${whereToAdd}`).toEqual([]);
});

test('who owns something of a service that streams says how it is stirred', () => {
  const streaming = allMethods().filter(
    ({ method, policy }) => method.methodKind !== 'unary' && policy.audience === 'user',
  );
  const services = new Set(streaming.map(({ target }) => target));
  const still = [...services].filter((service) => !owner.stirred.includes(service));
  expect(still, `services that stream, and nothing stirs them: ${whereToAdd}`).toEqual([]);
  const silent = owner.stirred.filter((service) => !services.has(service));
  expect(silent, 'services that are stirred, and no stream tells of it').toEqual([]);
});

test('a field that holds an id says so by its name, or nobody would look for whose it is', () => {
  const fields = allMethods().flatMap(({ method }) => uuidFields(method.input));
  expect(fields.length).toBeGreaterThan(50);
  const odd = fields.filter(({ name }) => !/_ids?$/.test(name));
  expect(odd.map(({ parent, name }) => `${parent.typeName}.${name}`)).toEqual([]);
});
