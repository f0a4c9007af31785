import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The repository's folder, with a slash at its end. */
export const root = fileURLToPath(new URL('../', import.meta.url));

export interface Ran {
  code: number;
  output: string;
}

/** Runs a program in a folder, with the binaries of node_modules on the PATH; collects what it prints. */
export function run(command: string, args: readonly string[], cwd: string = root): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const path = `${root}node_modules/.bin:${process.env.PATH ?? ''}`;
    const env = { ...process.env, PATH: path, NO_COLOR: '1' };
    // No pipe for its input: those of Node are sockets, and a bash that has one reads /etc/bash.bashrc first.
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const collect = (chunk: Buffer) => {
      output += chunk.toString();
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? 1, output }));
  });
}

/** Writes a line for whoever started the tool. */
export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
