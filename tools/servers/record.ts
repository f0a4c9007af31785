import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type ServerName, ServerStartError } from './errors.ts';
import { limits } from './limits.ts';
import { birthOf } from './process.ts';

/**
 * One process for as long as the machine is up: a pid may be reused, a pid with its birth may not.
 */
export interface ProcessId {
  pid: number;
  birth: string;
}

/** The content of `<dataDir>/<name>.pid`. */
export interface ServerRecord extends ProcessId {
  port: number;
  /** The launcher that stops it; another one takes over only when that one is gone. */
  owner: ProcessId;
}

export function processId(pid: number): ProcessId {
  return { pid, birth: birthOf(pid) ?? '' };
}

export function isRunning({ pid, birth }: ProcessId): boolean {
  return birth !== '' && birthOf(pid) === birth;
}

export function readRecord(dataDir: string, name: ServerName): ServerRecord | undefined {
  return readJson<ServerRecord>(recordFile(dataDir, name));
}

/** Synchronous, so that no server runs without a record for longer than this call takes. */
export function writeRecord(dataDir: string, name: ServerName, record: ServerRecord): void {
  const file = recordFile(dataDir, name);
  writeFileSync(`${file}.new`, `${JSON.stringify(record)}\n`);
  renameSync(`${file}.new`, file);
}

export function removeRecord(dataDir: string, name: ServerName): void {
  rmSync(recordFile(dataDir, name), { force: true });
}

/**
 * Runs `work` while no other launcher, nor another call in this process, starts or stops the same
 * server.
 *
 * The lock of a launcher that died is broken. Throws ServerStartError when a living one keeps it
 * too long.
 */
export async function withServerLock<T>(
  dataDir: string,
  name: ServerName,
  work: () => Promise<T>,
): Promise<T> {
  const file = join(dataDir, `${name}.lock`);
  const deadline = performance.now() + limits.lockMs;
  while (!tryLock(file, processId(process.pid))) {
    if (performance.now() > deadline) {
      const holder = readJson<ProcessId>(file)?.pid ?? 'unknown';
      throw new ServerStartError(
        name,
        `process ${holder} keeps ${file} for too long; end that process, or remove the file`,
      );
    }
    await delay(limits.pollMs);
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

/**
 * Takes a lock, and says in its file who did. False when another has it, or had: the lock of a process that is gone is
 * broken, and free at the next call.
 */
export function tryLock(file: string, owner: ProcessId): boolean {
  try {
    writeFileSync(file, JSON.stringify(owner), { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const holder = readJson<ProcessId>(file);
  if (holder !== undefined && !isRunning(holder)) breakLock(file, holder);
  return false;
}

// Several waiters may see the same dead holder. Renaming lets one of them win, and what was renamed
// is looked at again: if it has become a living launcher's lock meanwhile, it is put back.
function breakLock(file: string, dead: ProcessId): void {
  const aside = `${file}.${process.pid}`;
  try {
    renameSync(file, aside);
    const taken = readJson<ProcessId>(aside);
    if (taken?.pid === dead.pid && taken.birth === dead.birth) rmSync(aside, { force: true });
    else renameSync(aside, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** What a file holds; undefined when there is none, or one that is not whole. */
export function readJson<T>(file: string): T | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T;
  } catch {
    return undefined;
  }
}

function recordFile(dataDir: string, name: ServerName): string {
  return join(dataDir, `${name}.pid`);
}
