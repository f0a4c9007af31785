import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { nodeFlags } from './node.ts';

const entry = fileURLToPath(new URL('./load-all.ts', import.meta.url));

/**
 * Compiles all that the processes of a mesh load, in one process that ends, unless the folder is there already. Without
 * it each process would do so itself at the very first start, and keep the compiler in memory for as long as it runs.
 * V8 takes only what was compiled under the same flags.
 */
export function fillCompileCache(folder: string): Promise<void> {
  if (existsSync(folder)) return Promise.resolve();
  return new Promise((resolve) => {
    const env = { NODE_COMPILE_CACHE: folder };
    const child = spawn(process.execPath, [...nodeFlags, entry], { env, stdio: 'ignore' });
    // What is missing afterwards, the processes compile themselves; what is broken, they report.
    child.once('error', () => resolve());
    child.once('exit', () => resolve());
  });
}
