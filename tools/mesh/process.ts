import { type ChildProcess, fork } from 'node:child_process';
import { createWriteStream, mkdirSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeEnvironment, nodeFlags } from './node.ts';

/** One process of the mesh. It is started again, with a pause, whenever it ends without having been asked to. */
export interface MeshProcess {
  readonly name: string;
  /** The present process id; undefined between two lives. */
  readonly pid: number | undefined;
  /** How often it was started again. */
  readonly restarts: number;
  /** Resolves when it serves: at once, or after its restart. */
  ready(): Promise<void>;
  /** Ends it as a crash would; it comes back by itself unless `stop` was called. */
  kill(signal: NodeJS.Signals): void;
  /** Gives its next lives an environment each, on top of its own: the first for the next, and so on. */
  armLives(environments: readonly Record<string, string>[]): void;
  /**
   * Drains and ends it, and resolves when its next life serves. Throws MeshStartError when that does not start, and leaves
   * it down: whoever asked knows when it is worth another try.
   */
  restart(): Promise<void>;
  /** Drains and ends it, or ends it as a crash would (SIGKILL), and keeps it down; resolves when it is gone. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** Starts it again after `stop`, and resolves when it serves. Throws MeshStartError when it does not. */
  start(): Promise<void>;
}

export interface MeshProcessOptions {
  name: string;
  /** Path of the entry, relative to the repository. */
  entry: string;
  args: string[];
  env: Record<string, string>;
  logFile: string;
  /** Told when it ended unasked. */
  onExit?: (name: string, cause: string) => void;
}

/** Waits of this file, in milliseconds. */
const limits = { readyMs: 60_000, stopMs: 15_000, restartMsMin: 100, restartMsMax: 5_000 };
/** Of what a process writes before it serves, this much is searched for its reason. */
const errorCharsMax = 16_000;
const root = fileURLToPath(new URL('../../', import.meta.url));

/** A process could not be started; the message says why and where its log is. */
export class MeshStartError extends Error {}

/** Starts a process and resolves when it says that it serves. Throws MeshStartError when it does not. */
export async function startProcess(options: MeshProcessOptions): Promise<MeshProcess> {
  let child: ChildProcess | undefined;
  let readyNow: Promise<void>;
  let restarts = 0;
  let quickFailures = 0;
  let stopped = false;
  /** Whether its end, and its next life, are the business of `restart`. */
  let isHeld = false;
  let lives = 0;
  let armed: Record<string, string>[] = [];
  mkdirSync(dirname(options.logFile), { recursive: true });

  function spawn(): Promise<void> {
    lives += 1;
    const log = createWriteStream(options.logFile, { flags: 'a' });
    const started = fork(`${root}${options.entry}`, options.args, {
      cwd: root,
      env: {
        ...nodeEnvironment,
        ...process.env,
        ...options.env,
        ...armed.shift(),
      },
      execArgv: [...nodeFlags],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // Its own group: Ctrl-C reaches the launcher alone, which then stops everything in order.
      detached: true,
    });
    child = started;
    // Either may end first, with the other still to be written.
    started.stdout?.pipe(log, { end: false });
    started.stderr?.pipe(log, { end: false });
    started.once('close', () => log.end());
    started.once('exit', (code, signal) => {
      if (child === started) child = undefined;
      if (!stopped && !isHeld) comeBack(signal ?? `exit code ${code}`);
    });
    return untilReady(started, options);
  }

  function comeBack(cause: string): void {
    options.onExit?.(options.name, cause);
    restarts += 1;
    const pauseMs = Math.min(limits.restartMsMax, limits.restartMsMin * 2 ** quickFailures);
    quickFailures += 1;
    const life = lives;
    readyNow = new Promise<void>((resolve) => setTimeout(resolve, pauseMs))
      .then(() => (stopped || isHeld || lives !== life ? undefined : spawn()))
      .then(() => {
        quickFailures = 0;
      });
    // Whoever waits for it sees the failure; nobody needs to wait.
    readyNow.catch(() => {});
  }

  readyNow = spawn();
  try {
    await readyNow;
  } catch (error) {
    stopped = true;
    child?.kill('SIGKILL');
    throw error;
  }

  return {
    name: options.name,
    get pid() {
      return child?.pid;
    },
    get restarts() {
      return restarts;
    },
    ready: () => readyNow,
    kill: (signal) => child?.kill(signal),
    armLives(environments) {
      armed = [...environments];
    },
    async restart() {
      isHeld = true;
      if (child !== undefined) await end(child);
      readyNow = spawn();
      await readyNow;
      isHeld = false;
    },
    async stop(signal) {
      stopped = true;
      if (child !== undefined) await end(child, signal);
    },
    async start() {
      stopped = false;
      readyNow = spawn();
      await readyNow;
    },
  };
}

/** Asks a process to drain and end, and resolves when it is gone: by force, when it takes too long. */
function end(running: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  return new Promise((resolve) => {
    if (running.exitCode !== null) return resolve();
    const timer = setTimeout(() => running.kill('SIGKILL'), limits.stopMs);
    running.once('exit', () => {
      clearTimeout(timer);
      resolve();
    });
    running.kill(signal);
  });
}

type Said = { ready?: unknown; failed?: string };

function untilReady(child: ChildProcess, { name, logFile }: MeshProcessOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    let errors = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      if (errors.length < errorCharsMax) errors += chunk.toString();
    });
    const fail = (why: string) => {
      clearTimeout(timer);
      reject(new MeshStartError(`${name} did not start: ${why} (log: ${logFile})`));
    };
    const timer = setTimeout(() => fail('it did not answer in time'), limits.readyMs);
    child.on('message', (said: Said) => {
      if (said.failed !== undefined) fail(said.failed);
      if (said.ready === undefined) return;
      clearTimeout(timer);
      resolve();
    });
    // What it wrote last is read by then, unlike at its exit.
    child.once('close', (code, signal) => {
      fail(whyNodeEnded(errors) ?? signal ?? `it ended with code ${code}`);
    });
    child.once('error', (error) => fail(error.message));
  });
}

/** What Node says of a file that it cannot run: where, and "SyntaxError: …"; undefined when it says nothing of the kind. */
function whyNodeEnded(errors: string): string | undefined {
  const where = /^(?:file:\/\/)?(\/.*\.ts:\d+)$/m.exec(errors)?.[1];
  const what = /^(?:\w*Error)\b.*: .*$/m.exec(errors)?.[0];
  return what && [where && relative(root, where), what].filter(Boolean).join(': ');
}
