import { spawn } from 'node:child_process';
import { limits } from './limits.ts';
import type { Command } from './process.ts';

export interface CommandResult {
  /** 0 is success; -1 when it could not be executed or ran out of time. */
  code: number;
  /** The end of stdout and stderr together. */
  output: string;
}

/**
 * Runs a helper program (initdb, pip, `--version`) to its end, or kills it and its children after
 * `limitMs`.
 */
export function runCommand(
  command: Command,
  limitMs: number,
  env: NodeJS.ProcessEnv = process.env,
): Promise<CommandResult> {
  const { promise, resolve } = Promise.withResolvers<CommandResult>();
  const { file, args, ...where } = command;
  // A group of its own: pip and apt have children, and the time limit is meant for all of them.
  const child = spawn(file, args, {
    ...where,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const collect = (chunk: Buffer) => {
    output = (output + chunk.toString('utf8')).slice(-limits.commandOutputCharsMax);
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const timer = setTimeout(() => {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    resolve({ code: -1, output: `took longer than ${limitMs / 1000} s` });
  }, limitMs);
  child.once('error', (error) => {
    clearTimeout(timer);
    resolve({ code: -1, output: error.message });
  });
  child.once('close', (code) => {
    clearTimeout(timer);
    resolve({ code: code ?? -1, output: output.trim() });
  });
  return promise;
}

/** The line of an output that most likely says what went wrong. */
export function lastLine(output: string): string {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  return (
    lines.findLast((line) => /error|fatal/i.test(line)) ??
    lines.at(-1) ??
    'no output'
  ).trim();
}
