import { hash } from 'node:crypto';
import connect from 'postgres';
import { within } from '#kit/within.ts';
import { limits } from './limits.ts';
import { clearLeftovers, createCluster } from './postgres-cluster.ts';
import { findPostgresFiles } from './postgres-files.ts';
import type { Progress, ServerSpec } from './spec.ts';

const database = 'meshwork';

/**
 * PostgreSQL 18 with superuser `postgres`, trusted on 127.0.0.1 alone, and the database `meshwork`.
 *
 * `durable: false` gives up what a loss of power would take; the death of the server alone loses
 * nothing either way.
 */
export async function postgresSpec(
  dataDir: string,
  durable: boolean,
  onProgress: Progress,
): Promise<ServerSpec> {
  const files = await findPostgresFiles(dataDir, onProgress);
  const { clusterDir, account, postgres } = files;
  // In the title of every process of the cluster: that is how orphaned backends are found again.
  const digest = hash('sha256', clusterDir, 'hex');
  const clusterName = `meshwork-${digest.slice(0, 12)}`;
  const settings = { ...commonSettings, ...durability(durable), cluster_name: clusterName };
  return {
    name: 'postgres',
    dataDir,
    stopSignal: 'SIGINT',
    urlOn: (port) => `postgres://postgres@127.0.0.1:${port}/${database}`,
    commandLineHas: (port) => [`-D ${clusterDir}`, `-p ${port}`, clusterName],
    isReusable: (commandLine) => !durable || commandLine.includes('fsync=on'),
    async prepare(port) {
      await createCluster(files, durable, onProgress);
      const options = Object.entries(settings).flatMap(([name, value]) => [
        '-c',
        `${name}=${value}`,
      ]);
      const args = ['-D', clusterDir, '-p', String(port), ...options];
      return { file: postgres, args, cwd: clusterDir, ...account };
    },
    ask: askForDatabase,
    settle: () => clearLeftovers(clusterDir, clusterName),
  };
}

// For two cores and many small durable commits.
const commonSettings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: 300,
  shared_buffers: '256MB',
  huge_pages: 'off',
  wal_buffers: '16MB',
  wal_compression: 'on', // a third to a half less WAL for small commits, at no measurable cost
  max_wal_size: '2GB',
  checkpoint_timeout: '15min',
  autovacuum_naptime: '15s',
  random_page_cost: 1.1,
  jit: 'off',
  track_io_timing: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_min_messages: 'warning',
  log_checkpoints: 'off',
  // Without these two, a refused insert writes the statement and the person's data into the log.
  log_error_verbosity: 'terse',
  log_min_error_statement: 'panic',
} as const;

function durability(durable: boolean) {
  const value = durable ? 'on' : 'off';
  return { fsync: value, synchronous_commit: value, full_page_writes: value };
}

async function askForDatabase(port: number): Promise<void> {
  const sql = connect({
    host: '127.0.0.1',
    port,
    username: 'postgres',
    database: 'postgres',
    ssl: false,
    max: 1,
    fetch_types: false,
    onnotice: () => {},
  });
  try {
    await within(limits.probeMs, ensureDatabase(sql));
  } finally {
    await sql.end({ timeout: 0 });
  }
}

async function ensureDatabase(sql: connect.Sql): Promise<void> {
  const found = await sql`select 1 from pg_database where datname = ${database}`;
  if (found.length === 0) await sql`create database ${sql(database)}`;
}
