import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { testTimeoutMs, useServers } from './fixture.ts';
import { askOverTcp } from './probe.ts';
import { ServerStartError } from './servers.ts';

describe('startServers complains', { timeout: testTimeoutMs }, () => {
  const fixture = useServers();

  test('of data from another PostgreSQL, and leaves no other server behind', async () => {
    mkdirSync(join(fixture.dataDir, 'postgres'));
    writeFileSync(join(fixture.dataDir, 'postgres', 'PG_VERSION'), '9\n');
    const error = await fixture.open().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ServerStartError);
    expect(String(error)).toContain('was written by PostgreSQL 9');
    expect(readdirSync(fixture.dataDir).filter((file) => file.endsWith('.pid'))).toEqual([]);
    const port = Number(readFileSync(join(fixture.dataDir, 'redis.port'), 'utf8'));
    await expect(askOverTcp(port, '', '')).rejects.toThrow('ECONNREFUSED');
  });

  test('of a server that ends early, with the end of its log', async () => {
    mkdirSync(join(fixture.dataDir, 'nats'));
    writeFileSync(join(fixture.dataDir, 'nats', 'jetstream'), 'a file where a folder belongs');
    const env = { DATABASE_URL: 'postgres://db.example/x', REDIS_URL: 'redis://redis.example' };
    const error = await fixture.open({ env }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ServerStartError);
    expect(String(error)).toMatch(/nats: ended with code 1 .* or set NATS_URL\n.*\[FTL\]/s);
  });

  test('of a folder that it cannot use', async () => {
    writeFileSync(join(fixture.dataDir, 'logs'), 'a file where a folder belongs');
    const error = await fixture.open().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ServerStartError);
    expect(String(error)).toContain('correct that, or set');
  });
});
