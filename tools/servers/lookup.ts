import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * Where packages put servers although an ordinary user's PATH has not got it: Debian in sbin,
 * Homebrew in its own.
 */
export const systemFolders: readonly string[] = [
  '/usr/local/bin',
  '/usr/local/sbin',
  '/usr/sbin',
  '/opt/homebrew/bin',
];

/**
 * The first of the programs that is on the PATH, in a system folder, or in `extraFolders` (looked
 * at last).
 */
export function firstExecutable(
  programs: readonly string[],
  extraFolders: readonly string[] = [],
): string | undefined {
  return allExecutables(programs, extraFolders)[0];
}

/** Like firstExecutable, but all of them, in order of preference. */
export function allExecutables(
  programs: readonly string[],
  extraFolders: readonly string[] = [],
): string[] {
  const path = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const folders = [...new Set([...path, ...systemFolders, ...extraFolders])];
  return folders
    .flatMap((folder) => programs.map((program) => join(folder, program)))
    .filter(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
