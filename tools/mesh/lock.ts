import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type ProcessId, processId, readJson, tryLock } from '../servers/record.ts';
import { MeshStartError } from './process.ts';

/** Who runs a mesh on a data folder, and where that mesh is called. */
interface Holder extends ProcessId {
  address: string;
}

/** A dead holder's lock is broken at the first look; somebody else may be as quick. */
const attemptsMax = 5;

/**
 * Takes a data folder for one mesh, whose data, servers and logs they are; the answer gives it back. What a process that
 * died has taken is free. Throws MeshStartError when a mesh runs on it.
 */
export function lockData(dataDir: string, address: string): () => void {
  makeFolder(dataDir);
  const file = join(dataDir, 'platform.lock');
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const mine: Holder = { ...processId(process.pid), address };
    if (tryLock(file, mine)) return () => rmSync(file, { force: true });
    // Whoever is dead is not found there any more.
    const holder = readJson<Holder>(file);
    if (holder !== undefined) throw new MeshStartError(taken(dataDir, holder));
  }
  throw new MeshStartError(`${file} cannot be read; remove it, if no platform runs on ${dataDir}`);
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new MeshStartError(`${path} cannot be a folder (${code}); name another by --data-dir`);
  }
}

function taken(dataDir: string, { pid, address }: Holder): string {
  const remedy = 'stop that with Ctrl-C, or start this on data and ports of its own';
  const example = 'npm start -- --data-dir .meshwork/second --port-base 8300';
  return `a platform runs on ${dataDir} already: process ${pid}, at ${address}; ${remedy}: ${example}`;
}
