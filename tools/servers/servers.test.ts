import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect as connectNats } from '@nats-io/transport-node';
import { Redis } from 'ioredis';
import connectPostgres from 'postgres';
import { describe, expect, test } from 'vitest';
import { endLauncher, isUp, serverOf, testTimeoutMs, useServers } from './fixture.ts';
import type { ServerUrls } from './servers.ts';

const isRoot = process.getuid?.() === 0;

describe('startServers', { timeout: testTimeoutMs }, () => {
  const fixture = useServers();

  test('keeps rows, messages and URLs from one start to the next', async () => {
    const halfMade = join(fixture.dataDir, 'postgres.new-halfmade');
    mkdirSync(join(halfMade, 'base'), { recursive: true });
    const first = await fixture.open({ durable: true });
    expect(existsSync(halfMade)).toBe(false);
    await writeEverywhere(first);
    await first.stop();
    expect(first.managed.filter(isUp)).toEqual([]);

    const second = await fixture.open({ durable: true });
    expect(urlsOf(second)).toEqual(urlsOf(first));
    expect(await readBack(second)).toEqual({ row: 'kept', message: 'kept', setting: 'on' });
  });

  test('does not start what it is given by URL', async () => {
    const natsUrl = 'nats://nats.example:4222';
    const redisUrl = 'redis://redis.example:6379';
    const servers = await fixture.open({ env: { NATS_URL: natsUrl, REDIS_URL: redisUrl } });
    expect(servers).toMatchObject({ natsUrl, redisUrl });
    expect(servers.managed.map((server) => server.name)).toEqual(['postgres']);
  });

  test('adopts what a killed launcher left running, and stops it', async () => {
    const launcher = await fixture.openElsewhere();
    await endLauncher(launcher.process);
    const servers = await fixture.open();
    expect(servers.managed.map((server) => server.pid)).toEqual(launcher.pids);
    await servers.stop();
    expect(servers.managed.filter(isUp)).toEqual([]);
  });

  test('leaves running what belongs to a living launcher', async () => {
    const launcher = await fixture.openElsewhere();
    const servers = await fixture.open();
    expect(servers.managed.map((server) => server.pid)).toEqual(launcher.pids);
    await servers.stop();
    expect(servers.managed.every(isUp)).toBe(true);
  });

  test('starts each server once when called twice at the same time', async () => {
    const [one, two] = await Promise.all([fixture.open(), fixture.open()]);
    expect(pidsOf(one)).toEqual(pidsOf(two));
  });

  test('takes another port when a stranger has the remembered one', async () => {
    const first = await fixture.open({ env: external });
    await first.stop();
    const stranger = createServer().listen(Number(new URL(first.redisUrl).port), '127.0.0.1');
    const second = await fixture.open({ env: external });
    stranger.close();
    expect(second.redisUrl).not.toBe(first.redisUrl);
  });

  test('breaks the lock and ignores the record of processes that are gone', async () => {
    const gone = { pid: process.pid, birth: 'another life' };
    writeFileSync(join(fixture.dataDir, 'redis.lock'), JSON.stringify(gone));
    const record = { ...gone, port: 21_000, owner: gone };
    writeFileSync(join(fixture.dataDir, 'redis.pid'), JSON.stringify(record));
    const servers = await fixture.open({ env: external });
    expect(serverOf(servers, 'redis').pid).not.toBe(process.pid);
  });

  test.runIf(isRoot)('moves data that the unprivileged account cannot reach', async () => {
    chmodSync(fixture.dataDir, 0o700);
    const lines: string[] = [];
    const env = { ...external, DATABASE_URL: '', REDIS_URL: external.NATS_URL };
    const servers = await fixture.open({ env, onProgress: (line) => lines.push(line) });
    const location = readFileSync(join(fixture.dataDir, 'postgres.location'), 'utf8').trim();
    expect(lines.some((line) => line.includes(location))).toBe(true);
    await servers.stop();
    expect((await fixture.open({ env })).databaseUrl).toBe(servers.databaseUrl);
    await serverOf(servers, 'postgres').stop();
    rmSync(location, { recursive: true });
    expect(dirname(location)).not.toBe(fixture.dataDir);
  });
});

// Tests of what is common to all servers start the quickest one alone.
const external = { DATABASE_URL: 'postgres://db.example/x', NATS_URL: 'nats://nats.example' };

const pidsOf = (servers: { managed: { pid: number }[] }) => servers.managed.map(({ pid }) => pid);

const urlsOf = ({ databaseUrl, natsUrl, redisUrl }: ServerUrls) => [databaseUrl, natsUrl, redisUrl];

async function writeEverywhere(urls: ServerUrls): Promise<void> {
  const sql = connectPostgres(urls.databaseUrl);
  await sql`create table note (text text)`;
  await sql`insert into note values ('kept')`;
  await sql.end();
  const redis = new Redis(urls.redisUrl);
  expect(await redis.set('key', 'value')).toBe('OK');
  redis.disconnect();
  const nats = await connectNats({ servers: urls.natsUrl });
  const manager = await jetstreamManager(nats);
  await manager.streams.add({ name: 'notes', subjects: ['notes'] });
  await jetstream(nats).publish('notes', 'kept');
  await nats.close();
}

async function readBack(urls: ServerUrls) {
  const sql = connectPostgres(urls.databaseUrl);
  const [row] = await sql`select text, current_setting('fsync') as fsync from note`;
  await sql.end();
  const nats = await connectNats({ servers: urls.natsUrl });
  const manager = await jetstreamManager(nats);
  const message = await manager.streams.getMessage('notes', { seq: 1 });
  await nats.close();
  return { row: row?.text, message: message?.string(), setting: row?.fsync };
}
