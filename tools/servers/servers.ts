import { mkdirSync, realpathSync } from 'node:fs';
import { reasonOf, type ServerName, toStartError, urlVariables } from './errors.ts';
import { launchServer } from './managed.ts';
import { natsSpec } from './nats.ts';
import { postgresSpec } from './postgres.ts';
import { redisSpec } from './redis.ts';
import type { LaunchedServer, ManagedServer, ServerSpec } from './spec.ts';

export { ServerStartError } from './errors.ts';
export type { ManagedServer } from './spec.ts';

/** Where the platform finds its servers. */
export interface ServerUrls {
  /** `postgres://…`, superuser, database `meshwork` */
  databaseUrl: string;
  /** `nats://…`, with JetStream */
  natsUrl: string;
  /** `redis://…` */
  redisUrl: string;
}

export interface Servers extends ServerUrls {
  /** Those that run on this machine by us; one that was given by `env` is not among them. */
  readonly managed: ManagedServer[];
  /**
   * Stops them in an orderly way, and keeps their data.
   *
   * A server that was adopted while the launcher which started it still lives keeps running, as it
   * is that one's.
   */
  stop(): Promise<void>;
}

export interface StartServersOptions {
  /**
   * All data, logs, pid and port files; survives restarts. One server of each kind runs per folder.
   */
  dataDir: string;
  /** Whether a PostgreSQL commit survives the loss of power. Off is for plain tests. */
  durable: boolean;
  /**
   * URLs of servers that are there already and are not started; an empty text counts as not given.
   */
  env?: { DATABASE_URL?: string; NATS_URL?: string; REDIS_URL?: string };
  /** Receives one line per noteworthy step. */
  onProgress?: (line: string) => void;
}

/**
 * Finds, installs if needed, and starts PostgreSQL, NATS and Redis in parallel; resolves when all
 * three answer.
 *
 * Servers that an earlier launcher left running on the same `dataDir` are adopted. When one fails,
 * those started here are stopped again. The first start may install programs (seconds to minutes);
 * later ones take a fraction of a second.
 *
 * Throws ServerStartError, whose message is one sentence with the remedy.
 */
export async function startServers(options: StartServersOptions): Promise<Servers> {
  const { durable, env = {}, onProgress = () => {} } = options;
  mkdirSync(options.dataDir, { recursive: true });
  const dataDir = realpathSync(options.dataDir);
  const launch = async (name: ServerName, specify: () => Promise<ServerSpec>) => {
    const external = env[urlVariables[name]];
    if (external) return external;
    try {
      return await launchServer(await specify(), onProgress);
    } catch (error) {
      throw toStartError(name, error);
    }
  };
  const results = await Promise.allSettled([
    launch('postgres', () => postgresSpec(dataDir, durable, onProgress)),
    launch('nats', () => natsSpec(dataDir, onProgress)),
    launch('redis', () => redisSpec(dataDir, onProgress)),
  ]);
  const launched = results
    .map((result) => (result.status === 'fulfilled' ? result.value : undefined))
    .filter((value): value is LaunchedServer => typeof value === 'object');
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) {
    await releaseAll(launched).catch((error) => onProgress(reasonOf(error)));
    throw failed.reason;
  }
  const [databaseUrl = '', natsUrl = '', redisUrl = ''] = results.map(urlOf);
  return { databaseUrl, natsUrl, redisUrl, managed: launched, stop: () => releaseAll(launched) };
}

function urlOf(result: PromiseSettledResult<string | LaunchedServer>): string {
  if (result.status === 'rejected') throw result.reason;
  return typeof result.value === 'string' ? result.value : result.value.url;
}

async function releaseAll(servers: readonly LaunchedServer[]): Promise<void> {
  const results = await Promise.allSettled(servers.map((server) => server.release()));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
