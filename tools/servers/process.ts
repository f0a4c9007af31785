import { execFileSync, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { limits } from './limits.ts';

/** What to spawn. `uid` and `gid` are given only when root hands a server to another account. */
export interface Command {
  file: string;
  args: readonly string[];
  cwd: string;
  uid?: number;
  gid?: number;
}

export interface Spawned {
  /** Absent when the program could not be executed at all. */
  readonly pid: number | undefined;
  /** Why it has ended, or undefined while it runs. */
  ended(): string | undefined;
}

/**
 * Spawns a server in a session of its own, so that Ctrl-C in a terminal reaches only the launcher.
 *
 * Output is appended to `logFile`. The environment is minimal: the launcher's secrets and the PG*
 * variables stay out, and macOS PostgreSQL refuses to start without a valid LC_ALL. The launcher
 * may exit without waiting for it.
 */
export function spawnDetached(command: Command, logFile: string): Spawned {
  const log = openLog(logFile);
  const { file, args, cwd, uid, gid } = command;
  const child = spawn(file, args, {
    cwd,
    uid,
    gid,
    detached: true,
    stdio: ['ignore', log, log],
    env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' },
  });
  fs.closeSync(log);
  child.unref();
  let ended: string | undefined;
  child.once('error', (error) => {
    ended = `could not be executed (${error.message})`;
  });
  child.once('exit', (code, signal) => {
    ended = signal === null ? `ended with code ${code}` : `was ended by ${signal}`;
  });
  return { pid: child.pid, ended: () => ended };
}

function openLog(file: string): number {
  fs.mkdirSync(dirname(file), { recursive: true });
  const bytes = fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (bytes > limits.logBytesMax) fs.renameSync(file, `${file}.old`);
  return fs.openSync(file, 'a');
}

export function logTail(file: string): string {
  try {
    return fs
      .readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .slice(-limits.logTailLinesMax)
      .join('\n');
  } catch {
    return '(no log)';
  }
}

/**
 * When a process was born, as an opaque text; undefined when no such process runs.
 *
 * A pid alone is reused, above all in containers; pid and birth together name one process until the
 * next boot. A zombie counts as gone: where process 1 does not reap orphans, a killed server stays
 * one for ever.
 */
export function birthOf(pid: number): string | undefined {
  try {
    if (process.platform !== 'linux') {
      return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    }
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in brackets and may hold anything, brackets included.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** The command line of a process, words separated by a blank; empty when there is none. */
export function commandLineOf(pid: number): string {
  try {
    if (process.platform !== 'linux') {
      const args = ['-ww', '-o', 'command=', '-p', String(pid)];
      return execFileSync('ps', args, { encoding: 'utf8' }).trim();
    }
    return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}

/** The pids of all running processes whose command line contains `text`. */
export function findProcesses(text: string): number[] {
  if (process.platform === 'linux') {
    return fs
      .readdirSync('/proc')
      .map(Number)
      .filter((pid) => pid > 0 && pid !== process.pid)
      .filter((pid) => commandLineOf(pid).includes(text) && birthOf(pid) !== undefined);
  }
  const table = execFileSync('ps', ['-axww', '-o', 'pid=,command='], { encoding: 'utf8' });
  return table
    .split('\n')
    .filter((line) => line.includes(text))
    .map((line) => Number.parseInt(line, 10))
    .filter((pid) => pid !== process.pid);
}

/** Sends a signal; false when there is no such process any more. */
export function sendSignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** Polls until `done` holds; false when `limitMs` have passed first. */
export async function waitUntil(done: () => boolean, limitMs: number): Promise<boolean> {
  const deadline = performance.now() + limitMs;
  while (!done()) {
    if (performance.now() > deadline) return false;
    await delay(limits.pollMs);
  }
  return true;
}
