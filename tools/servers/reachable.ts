import * as fs from 'node:fs';
import { cp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { cacheDir } from './binaries.ts';
import { runCommand } from './command.ts';
import { ServerStartError } from './errors.ts';
import { limits } from './limits.ts';
import type { Progress } from './spec.ts';

export interface Account {
  uid: number;
  gid: number;
}

/** The programs of PostgreSQL where the account can execute them: `native`, or a copy made once. */
export async function reachableNative(
  native: string,
  account: Account,
  onProgress: Progress,
): Promise<string> {
  if (await canUse(join(native, 'bin', 'postgres'), account)) return native;
  const manifest = fs.readFileSync(join(native, '..', 'package.json'), 'utf8');
  const { version } = JSON.parse(manifest) as { version: string };
  const memory = join(cacheDir, `postgres-${version}.location`);
  const earlier = readLocation(memory);
  if (earlier !== undefined && (await canUse(join(earlier, 'bin', 'postgres'), account))) {
    return earlier;
  }
  const folder = await reachableTempFolder(account);
  onProgress(`postgres: copies its programs to ${folder}, as "nobody" cannot reach ${native}`);
  await cp(native, folder, { recursive: true, verbatimSymlinks: true });
  for (const entry of fs.readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isSymbolicLink()) fs.chmodSync(join(entry.parentPath, entry.name), 0o755);
  }
  writeLocation(memory, folder);
  return folder;
}

/** A folder for the cluster that the account can reach: `dataDir`, or one remembered there. */
export async function reachableParent(
  dataDir: string,
  account: Account,
  onProgress: Progress,
): Promise<string> {
  const memory = join(dataDir, 'postgres.location');
  const earlier = readLocation(memory);
  if (earlier !== undefined && (await canUse(earlier, account))) return earlier;
  if (await canUse(dataDir, account)) return dataDir;
  const folder = await reachableTempFolder(account);
  onProgress(
    `postgres: keeps its data in ${folder}, as "nobody" cannot reach ${dataDir}; ` +
      'the system may clear that folder, so start as an ordinary user to keep the data for long',
  );
  writeLocation(memory, folder);
  return folder;
}

async function reachableTempFolder(account: Account): Promise<string> {
  for (const base of new Set([tmpdir(), '/tmp'])) {
    if (!(await canUse(base, account))) continue;
    const folder = fs.mkdtempSync(join(base, 'meshwork-postgres-'));
    fs.chmodSync(folder, 0o755);
    return folder;
  }
  throw new ServerStartError(
    'postgres',
    `"nobody" cannot reach ${tmpdir()}; set TMPDIR to a folder open to all, or set DATABASE_URL`,
  );
}

// Asked by the account itself: permissions of every parent, access lists and mounts all count.
async function canUse(path: string, account: Account): Promise<boolean> {
  const command = { file: '/bin/sh', args: ['-c', 'test -x "$0"', path], cwd: '/', ...account };
  return (await runCommand(command, limits.helperMs)).code === 0;
}

function readLocation(file: string): string | undefined {
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trim() : undefined;
}

function writeLocation(file: string, folder: string): void {
  fs.mkdirSync(dirname(file), { recursive: true });
  fs.writeFileSync(`${file}.new`, `${folder}\n`);
  fs.renameSync(`${file}.new`, file);
}
