import { spawn } from 'node:child_process';

export interface RunningCommand {
  /** Resolves with what it has printed so far, as soon as a line of that matches; rejects when it ends before. */
  says(pattern: RegExp): Promise<string>;
  /** What it has printed so far. */
  output(): string;
  /** Ends it and everything that it started, and resolves when it is gone. */
  stop(): Promise<void>;
}

/** Starts a command line in a folder as a person would, and leaves it running. */
export function startCommand(command: string, cwd: string): RunningCommand {
  // A group of its own: npm has children, and the end is meant for all of them.
  const child = spawn('bash', ['-c', command], {
    cwd,
    detached: true,
    // As in tools/run.ts: a socket as input would make bash read its settings.
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1' },
  });
  let output = '';
  let look = () => {};
  const collect = (chunk: Buffer) => {
    output += chunk.toString();
    look();
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const gone = new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? -1)));
  return {
    says: (pattern) =>
      new Promise((resolve, reject) => {
        look = () => {
          if (pattern.test(output)) resolve(output);
        };
        look();
        void gone.then((code) => reject(new Error(`${command} ended (${code}): ${output}`)));
      }),
    output: () => output,
    async stop() {
      const isThere = child.exitCode === null && child.signalCode === null;
      if (isThere && child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
      await gone;
    },
  };
}
