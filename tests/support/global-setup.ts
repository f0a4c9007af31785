import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { removeData } from '#tools/servers/data-dir.ts';
import { type ServerUrls, startServers } from '#tools/servers/servers.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    servers: ServerUrls;
  }
}

/**
 * PostgreSQL, NATS and Redis for one test run alone, so that runs side by side do not stop each other's; each test file
 * has a database and a namespace of its own on them.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dataDir = mkdtempSync(join(tmpdir(), 'meshwork-test-'));
  const servers = await startServers({ dataDir, durable: false, env: process.env });
  const { databaseUrl, natsUrl, redisUrl } = servers;
  project.provide('servers', { databaseUrl, natsUrl, redisUrl });
  return async () => {
    await servers.stop();
    removeData(dataDir);
  };
}
