import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import { lastLine, runCommand } from './command.ts';
import { ServerStartError } from './errors.ts';
import { limits } from './limits.ts';
import type { PostgresFiles } from './postgres-files.ts';
import { birthOf, commandLineOf, findProcesses, sendSignal, waitUntil } from './process.ts';
import type { Progress } from './spec.ts';

const major = '18';
const draftPrefix = 'postgres.new-';

// C.UTF-8 sorts by code point and is the same everywhere; macOS spells the same choice in two
// parts.
const locale =
  process.platform === 'darwin' ? ['--locale=en_US.UTF-8', '--lc-collate=C'] : ['--locale=C.UTF-8'];

/** Creates the cluster unless it exists. It appears under its name only when it is complete. */
export async function createCluster(
  files: PostgresFiles,
  durable: boolean,
  onProgress: Progress,
): Promise<void> {
  const { clusterDir, account, initdb } = files;
  const versionFile = join(clusterDir, 'PG_VERSION');
  if (fs.existsSync(versionFile)) {
    const found = fs.readFileSync(versionFile, 'utf8').trim();
    if (found === major) return;
    throw new ServerStartError(
      'postgres',
      `${clusterDir} was written by PostgreSQL ${found} and this is ${major}; move it away`,
    );
  }
  onProgress(`postgres: creates its data in ${clusterDir}`);
  const parent = dirname(clusterDir);
  for (const entry of fs.readdirSync(parent)) {
    if (entry.startsWith(draftPrefix)) fs.rmSync(join(parent, entry), { recursive: true });
  }
  // A new name each time: the initdb of a launcher that was killed may still be writing to its own.
  const draft = fs.mkdtempSync(join(parent, draftPrefix));
  if (account !== undefined) fs.chownSync(draft, account.uid, account.gid);
  const sync = durable ? [] : ['--no-sync'];
  const access = ['-U', 'postgres', '-A', 'trust', '-E', 'UTF8', ...locale];
  const args = ['-D', draft, ...access, ...sync, '--no-instructions'];
  const command = { file: initdb, args, cwd: draft, ...account };
  const { code, output } = await runCommand(command, limits.initdbMs);
  if (code !== 0) {
    throw new ServerStartError(
      'postgres',
      `initdb failed (${lastLine(output)}); look at ${parent}, or set DATABASE_URL`,
    );
  }
  fs.renameSync(draft, clusterDir);
  if (durable) syncFolder(parent);
}

// Else a loss of power may undo the rename, and the next start would discard the cluster as a
// draft.
function syncFolder(dir: string): void {
  const folder = fs.openSync(dir, 'r');
  fs.fsyncSync(folder);
  fs.closeSync(folder);
}

/**
 * Makes sure that no process of the cluster runs, then removes its stale lock file.
 *
 * A postmaster that was killed leaves backends that go on until they notice, and a new one refuses
 * to start beside them. It also refuses when postmaster.pid names a pid that now belongs to anybody
 * else, or to a zombie.
 */
export async function clearLeftovers(clusterDir: string, clusterName: string): Promise<void> {
  const lockFile = join(clusterDir, 'postmaster.pid');
  const postmaster = postmasterPid(lockFile, clusterName);
  if (postmaster !== undefined) {
    const isGone = () => birthOf(postmaster) === undefined;
    sendSignal(postmaster, 'SIGINT');
    if (!(await waitUntil(isGone, limits.stopMs))) sendSignal(postmaster, 'SIGKILL');
  }
  const isEmpty = () => clusterProcesses(clusterName).length === 0;
  if (!(await waitUntil(isEmpty, limits.orphansMs))) {
    for (const pid of clusterProcesses(clusterName)) sendSignal(pid, 'SIGKILL');
    if (!(await waitUntil(isEmpty, limits.killMs))) {
      const left = clusterProcesses(clusterName).join(', ');
      throw new ServerStartError(
        'postgres',
        `processes ${left} of a dead server do not end; end them by hand`,
      );
    }
  }
  fs.rmSync(lockFile, { force: true });
}

function postmasterPid(lockFile: string, clusterName: string): number | undefined {
  if (!fs.existsSync(lockFile)) return undefined;
  const pid = Number.parseInt(fs.readFileSync(lockFile, 'utf8'), 10);
  const isOurs = commandLineOf(pid).includes(clusterName) && birthOf(pid) !== undefined;
  return isOurs ? pid : undefined;
}

// The name is in their titles, "postgres: <name>: checkpointer"; a shell that searches for it is
// none of them.
function clusterProcesses(clusterName: string): number[] {
  return findProcesses(clusterName).filter((pid) => /(^|\/)postgres[: ]/.test(commandLineOf(pid)));
}
