import type { TestProject } from 'vitest/node';
import { type ServerUrls, startServers } from '#tools/servers/servers.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    servers: ServerUrls;
  }
}

/** One PostgreSQL, NATS and Redis for the whole test run; each file has its own database and namespace on them. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dataDir = new URL('../../.meshwork/test', import.meta.url).pathname;
  const servers = await startServers({ dataDir, durable: false, env: process.env });
  const { databaseUrl, natsUrl, redisUrl } = servers;
  project.provide('servers', { databaseUrl, natsUrl, redisUrl });
  return () => servers.stop();
}
