import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  afterAll,
  afterEach,
  beforeAll,
  describe,
  expect,
  inject,
  onTestFinished,
  test,
} from 'vitest';
import { Conflict } from '../mesh-errors.ts';
import { Cancellation, detached, runInScope } from '../scope.ts';
import { createTestSchema, type TestSchema } from '../testing/schema.ts';
import { createDatabase, type Database, type Tx } from './database.ts';
import { translateDriverError } from './errors.ts';
import { MigrationChanged, migrate } from './migrate.ts';

let testing: TestSchema;
let database: Database;

beforeAll(async () => {
  testing = await createTestSchema(inject('servers').databaseUrl);
  database = testing.open();
  await database.sql`create table thing (id int primary key, amount bigint not null)`;
});
afterAll(() => testing.stop());
afterEach(async () => {
  await database.sql`delete from thing`;
});

describe('a transaction', () => {
  test('brings bigint back as bigint, beyond what a double holds', async () => {
    const amount = 9_007_199_254_740_993n;
    await database.sql`insert into thing values (1, ${String(amount)})`;
    const [row] = await database.sql`select amount from thing`;
    expect(row!.amount).toBe(amount);
  });

  test('ends its statements when the budget of its scope ends', async () => {
    const slow = detached({ timeoutMs: 200 }, () =>
      database.transaction((tx) => tx`select pg_sleep(20)`),
    );
    await expect(slow).rejects.toMatchObject({ code: '57014' });
  });

  test('refuses to begin with nothing left of the budget', async () => {
    const late = detached({ timeoutMs: 0 }, () => database.transaction((tx) => tx`select 1`));
    await expect(late).rejects.toMatchObject({ reason: 'DEADLINE_TOO_SHORT' });
  });
});

test('what was sent is let go of when it is answered', async () => {
  const statement = database.sql`select ${'x'.repeat(100)}::text as text`;
  const deferred = await database.transaction(async (tx) => {
    const insert = tx`insert into thing values (${7}, ${'8'})`;
    database.defer(tx, insert);
    return { insert };
  });
  expect(await statement).toEqual([{ text: 'x'.repeat(100) }]);
  expect(statement).toMatchObject({ args: [], parameters: [] });
  expect(deferred.insert).toMatchObject({ args: [], parameters: [] });
  expect(await database.sql`select amount from thing where id = 7`).toEqual([{ amount: 8n }]);
});

test('a plan made while a table was small does not read all of it when it has grown', async () => {
  const change = (tx: Tx, ids: number[]) => tx`
    update thing set amount = thing.amount + 1 from unnest(${ids.map(String)}::int[]) as t (id)
    where thing.id = t.id`;
  await database.sql`insert into thing select id, 0 from generate_series(1, 50) as id`;
  await database.sql`analyze thing`;
  // PostgreSQL keeps a plan from the sixth time on.
  for (let i = 0; i < 10; i += 1) await database.transaction((tx) => change(tx, [1, 2, 3]));
  await database.sql`insert into thing select id, 0 from generate_series(51, 5000) as id`;
  const read = await database.transaction(async (tx) => {
    await change(tx, [1, 4_000]);
    return tx`select seq_tup_read from pg_stat_xact_user_tables where relid = 'thing'::regclass`;
  });
  expect(read).toMatchObject([{ seq_tup_read: 0n }]);
});

const tooShort = { reason: 'DEADLINE_TOO_SHORT' };
/** PostgreSQL ended the statement. */
const timedOut = { code: '57014' };

describe('the budget of a scope', () => {
  test('ends a statement that stands alone', async () => {
    const slow = detached({ timeoutMs: 100 }, () => database.sql`select pg_sleep(20)`);
    await expect(slow).rejects.toMatchObject(timedOut);
    // What comes next on the same connections has its own.
    const others = Array.from({ length: 8 }, () => database.sql`select pg_sleep(0.5)`);
    await expect(Promise.all(others)).resolves.toHaveLength(8);
  });

  test('is one for all statements of a transaction', async () => {
    const slow = detached({ timeoutMs: 500 }, () =>
      database.transaction(async (tx) => {
        await tx`insert into thing values (1, 1)`;
        for (let i = 0; i < 20; i += 1) await tx`select pg_sleep(0.2)`;
      }),
    );
    await expect(slow).rejects.toMatchObject(timedOut);
    expect(await database.sql`select from thing`).toHaveLength(0);
  });

  test('bounds the wait for a connection', async () => {
    const one = testing.open({ connectionsMax: 2 });
    const held = Promise.withResolvers<void>();
    const holds = one.transaction(() => held.promise);
    const waits = detached({ timeoutMs: 100 }, () => one.transaction(async () => 'late'));
    await expect(waits).rejects.toMatchObject(tooShort);
    held.resolve();
    await holds;
    expect(await one.transaction(async () => 'free')).toBe('free');
  });

  test('ends with the wish: who has gone neither waits for a connection nor gets one', async () => {
    const one = testing.open({ connectionsMax: 2 });
    const held = Promise.withResolvers<void>();
    const holds = one.transaction(() => held.promise);
    const cancellation = new Cancellation();
    const scope = { deadlineAt: Date.now() + 60_000, trace: undefined, authorization: undefined };
    const asked = runInScope({ ...scope, cancellation }, () => one.transaction(async () => 'late'));
    await expect.poll(() => one.pools().transactions.waiting).toBe(1);
    cancellation.cancel();
    await expect(asked).rejects.toMatchObject(tooShort);
    expect(one.pools().transactions.waiting).toBe(0);
    held.resolve();
    await holds;
  });
});

describe('a service', () => {
  test.each([2, 3, 7])('holds %i connections when it is told so, and no more', async (most) => {
    const narrow = testing.open({ connectionsMax: most, application: 'narrow' });
    const work = Array.from({ length: 10 }, () => [
      narrow.sql`select pg_sleep(0.05)`,
      narrow.transaction((tx) => tx`select pg_sleep(0.05)`),
    ]).flat();
    const held = async () => {
      const [row] = await database.sql`
        select count(*)::integer as count from pg_stat_activity where application_name = 'narrow'`;
      return row!.count;
    };
    await Promise.all(work);
    expect(await held()).toBe(most);
    await narrow.close();
  });

  test('has no rights in the schema of another', async () => {
    const other = { url: testing.url, schema: 'testing_other', role: 'testing_other', folders: [] };
    await migrate(other);
    const reading = database.sql`select * from testing_other.outbox`;
    await expect(reading).rejects.toMatchObject({ code: '42501' });
  });
});

test.each([
  ['refuses connections', '127.0.0.1:1'],
  ['has a name that nobody knows now', 'nowhere.invalid'],
])('a server that %s is one that is away for a while', async (_, host) => {
  const away = createDatabase({ url: `postgres://${host}/away`, schema: 'away' });
  onTestFinished(away.close);
  const error = await away.check().catch((thrown) => thrown);
  expect(translateDriverError(error)).toBeInstanceOf(Conflict);
  const unbegun = await away.transaction(async (tx) => tx`select 1`).catch((thrown) => thrown);
  expect(translateDriverError(unbegun)).toBeInstanceOf(Conflict);
});

describe('migrations', () => {
  test('are applied once, by whoever is first', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'migrations-'));
    writeFileSync(join(folder, '0001_first.sql'), 'create table first (id int)');
    const options = { url: testing.url, schema: 'testing_m', role: 'testing_m', folders: [folder] };
    const applied = await Promise.all([migrate(options), migrate(options), migrate(options)]);
    const kit = ['0001_kit.sql', '0002_outbox_storage.sql'];
    expect(applied.flat().sort()).toEqual(['0001_first.sql', ...kit]);

    writeFileSync(join(folder, '0002_second.sql'), 'create table second (id int)');
    expect(await migrate(options)).toEqual(['0002_second.sql']);
    writeFileSync(join(folder, '0001_first.sql'), 'create table first (id bigint)');
    await expect(migrate(options)).rejects.toBeInstanceOf(MigrationChanged);
    rmSync(folder, { recursive: true });
  });

  test('that fail leave nothing behind', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'migrations-'));
    writeFileSync(join(folder, '0001_half.sql'), 'create table half (id int);\nselect 1 / 0;');
    const options = { url: testing.url, schema: 'testing_h', role: 'testing_h', folders: [folder] };
    await expect(migrate(options)).rejects.toThrow('0001_half.sql: division by zero');
    writeFileSync(
      join(folder, '0001_half.sql'),
      'create table half (id int);\nselect 1 from nobody;',
    );
    await expect(migrate(options)).rejects.toThrow('0001_half.sql:2: relation "nobody" does not');
    writeFileSync(join(folder, '0001_half.sql'), 'create table half (id int)');
    expect(await migrate(options)).toEqual(['0001_half.sql']);
    rmSync(folder, { recursive: true });
  });
});
