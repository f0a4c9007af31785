import connectPostgres from 'postgres';
import { describe, expect, test } from 'vitest';
import { isUp, serverOf, testTimeoutMs, useServers } from './fixture.ts';
import { askOverTcp } from './probe.ts';

describe('a killed server', { timeout: testTimeoutMs }, () => {
  const fixture = useServers();

  test.each(['nats', 'redis'] as const)('%s starts again on its port', async (name) => {
    const servers = await fixture.open({ env: { DATABASE_URL: 'postgres://db.example/x' } });
    const server = serverOf(servers, name);
    const { url, pid } = server;
    await server.kill('SIGKILL');
    expect(isUp({ pid })).toBe(false);
    await server.start();
    expect(server.url).toBe(url);
    expect(server.pid).not.toBe(pid);
    await askOverTcp(Number(new URL(url).port), 'PING\r\n', 'PONG');
  });

  test.each(['SIGKILL', 'SIGQUIT'] as const)(
    'postgres under write load survives %s three times over without losing a commit',
    async (signal) => {
      const servers = await fixture.open({ durable: true, env: external });
      const server = serverOf(servers, 'postgres');
      const committed: number[] = [];
      await createTable(servers.databaseUrl);
      for (let round = 0; round < 3; round += 1) {
        const load = startLoad(servers.databaseUrl, committed);
        await load.isFlowing;
        await server.kill(signal);
        await load.hasFailed;
        await server.start();
        const stored = await readIds(servers.databaseUrl);
        expect(committed.filter((id) => !stored.has(id))).toEqual([]);
      }
    },
  );

  test('postgres starts again although a busy backend outlives its postmaster', async () => {
    const servers = await fixture.open({ env: external });
    const server = serverOf(servers, 'postgres');
    const sql = connectPostgres(servers.databaseUrl, { max: 1 });
    const [backend] = await sql`select pg_backend_pid() as pid`;
    // Counts without ever waiting, so it does not notice that its postmaster is gone.
    const busy = sql`select count(*) from generate_series(1, 1e12::bigint)`.then(
      () => 'done',
      () => 'cut off',
    );
    await untilActive(servers.databaseUrl, backend?.pid);
    await server.kill('SIGKILL');
    await server.start();
    expect(isUp({ pid: backend?.pid })).toBe(false);
    expect(await busy).toBe('cut off');
    await sql.end({ timeout: 0 });
  });
});

const external = { NATS_URL: 'nats://nats.example', REDIS_URL: 'redis://redis.example' };

async function createTable(url: string): Promise<void> {
  const sql = connectPostgres(url, { max: 1 });
  await sql`create table entry (id bigint primary key, padding text not null)`;
  await sql.end();
}

async function readIds(url: string): Promise<Set<number>> {
  const sql = connectPostgres(url, { max: 1 });
  const rows = await sql`select id::int from entry`;
  await sql.end();
  return new Set(rows.map((row) => row.id));
}

// Eight connections insert as fast as they can until their server dies; each id is noted after its
// commit.
function startLoad(url: string, committed: number[]) {
  const flowing = Promise.withResolvers<void>();
  const sql = connectPostgres(url, { max: 8, onnotice: () => {} });
  const target = committed.length + 400;
  let next = (committed.at(-1) ?? 0) + 1_000;
  const insert = async () => {
    for (;;) {
      next += 1;
      const id = next;
      await sql`insert into entry values (${id}, ${'x'.repeat(200)})`;
      committed.push(id);
      if (committed.length === target) flowing.resolve();
    }
  };
  const writers = Array.from({ length: 8 }, insert);
  const hasFailed = Promise.allSettled(writers).then(() => sql.end({ timeout: 0 }));
  return { isFlowing: flowing.promise, hasFailed };
}

async function untilActive(url: string, pid: number): Promise<void> {
  const sql = connectPostgres(url, { max: 1 });
  let isActive = false;
  while (!isActive) {
    const rows = await sql`select 1 from pg_stat_activity where pid = ${pid} and state = 'active'`;
    isActive = rows.length > 0;
  }
  await sql.end();
}
