import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { ServerName } from './errors.ts';
import { limits } from './limits.ts';

// Below the ports that Linux (32768) and macOS (49152) hand to outgoing connections: a client that
// keeps reconnecting to a dead server in that range is one day given the server's own port,
// connects to itself and blocks the restart.
const portFirst = 21_000;
const portLast = 31_999;

/**
 * Yields ports on which a server may be tried: the one it had last time, then free ones at random,
 * up to `limits.portAttemptsMax` in all. Only ports that are free right now are yielded.
 */
export async function* portCandidates(dataDir: string, name: ServerName): AsyncGenerator<number> {
  const last = rememberedPort(dataDir, name);
  if (last !== undefined && (await isPortFree(last))) yield last;
  for (let attempt = 0; attempt < limits.portAttemptsMax; attempt += 1) {
    const port = portFirst + Math.floor(Math.random() * (portLast - portFirst + 1));
    if (await isPortFree(port)) yield port;
  }
}

/** Keeps the port, so that the server's URL is the same at the next start. */
export function rememberPort(dataDir: string, name: ServerName, port: number): void {
  writeFileSync(portFile(dataDir, name), `${port}\n`);
}

/** Whether a server could listen on this port of 127.0.0.1 now. */
export function isPortFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.once('error', () => resolve(false));
  server.listen({ host: '127.0.0.1', port, exclusive: true }, () => {
    server.close(() => resolve(true));
  });
  return promise;
}

function rememberedPort(dataDir: string, name: ServerName): number | undefined {
  try {
    const port = Number.parseInt(readFileSync(portFile(dataDir, name), 'utf8'), 10);
    return port > 0 && port < 65_536 ? port : undefined;
  } catch {
    return undefined;
  }
}

function portFile(dataDir: string, name: ServerName): string {
  return join(dataDir, `${name}.port`);
}
