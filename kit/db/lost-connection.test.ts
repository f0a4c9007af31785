import { type AddressInfo, createServer } from 'node:net';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { type Proxy, startProxy } from '../testing/proxy.ts';
import { createDatabase, type Database } from './database.ts';

const name = `test_lost_${process.pid}`;
const admin = postgres(inject('servers').databaseUrl, { max: 1, onnotice: () => {} });
let proxy: Proxy;
let database: Database;
let sql: postgres.Sql;

beforeAll(async () => {
  await admin.unsafe(`create database ${name}`);
  const url = new URL(inject('servers').databaseUrl);
  url.pathname = `/${name}`;
  sql = postgres(url.toString(), { max: 1, onnotice: () => {} });
  await sql`create table note (writer int, step int, primary key (writer, step))`;
  proxy = await startProxy(url.toString());
  database = createDatabase({ url: proxy.url, schema: 'public' });
});
afterAll(async () => {
  await database.close();
  await proxy.stop();
  await sql.end();
  await admin.unsafe(`drop database ${name} with (force)`);
  await admin.end();
});

test('statements that wait for a connection which never comes up are refused, all of them', async () => {
  const server = createServer((socket) => socket.once('data', () => socket.resetAndDestroy()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const unlucky = createDatabase({ url: `postgres://127.0.0.1:${port}/none`, schema: 'public' });
  const statements = Array.from({ length: 40 }, () => unlucky.sql`select 1`);
  const outcomes = await Promise.allSettled(statements);
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toEqual([]);
  await unlucky.close();
  server.close();
});

test('when connections break under load, every statement gets its own answer or an error', async () => {
  let isOver = false;
  const counts = { answered: 0, failed: 0, committed: 0 };

  async function read(reader: number): Promise<void> {
    for (let i = 0; !isOver; i += 1) {
      const asked = reader * 1_000_000 + i;
      const rows = await database.sql`select ${asked}::int as asked`.catch(() => undefined);
      if (rows === undefined) counts.failed += 1;
      else {
        expect(rows).toEqual([{ asked }]);
        counts.answered += 1;
      }
    }
  }

  const committed = new Set<number>();
  async function write(writer: number): Promise<void> {
    for (let i = 0; !isOver; i += 1) {
      const id = writer * 1_000_000 + i;
      const work = database.transaction(async (tx) => {
        const [first] = await tx`insert into note values (${id}, 1) returning step`;
        const [, second] = await Promise.all([
          tx`select ${id}::int as id`,
          tx`insert into note values (${id}, 2) returning step`,
        ]);
        expect([first!.step, second[0]!.step]).toEqual([1, 2]);
        database.defer(tx, tx`insert into note values (${id}, 3)`);
      });
      await work.then(
        () => committed.add(id),
        () => {
          counts.failed += 1;
        },
      );
    }
  }

  const loads = [0, 1, 2, 3, 4, 5].flatMap((i) => [read(i), write(i)]);
  for (let cuts = 0; cuts < 15; cuts += 1) {
    const before = counts.answered + committed.size;
    while (counts.answered + committed.size < before + 200) {
      await sql`select 1`;
    }
    proxy.cut();
    proxy.mend();
  }
  isOver = true;
  await Promise.all(loads);
  const rows = await sql<{ writer: number; steps: number }[]>`
    select writer, count(*)::int as steps from note group by writer`;
  // All of a transaction or nothing, and nothing that was answered as committed is missing.
  expect(rows.filter(({ steps }) => steps !== 3)).toEqual([]);
  const written = new Set(rows.map(({ writer }) => writer));
  expect([...committed].filter((id) => !written.has(id))).toEqual([]);
  expect(counts.failed).toBeGreaterThan(0);
});
