import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isPortFree } from '#kit/testing/port.ts';
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
