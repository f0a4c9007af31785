import type { Redis } from 'ioredis';
import { limits } from '../limits.ts';
import { remainingMs } from '../scope.ts';
import { within } from '../within.ts';

/**
 * A Redis connection that fails fast: no queue while disconnected, no command sent twice after a reconnect (a counter or
 * script could run twice), no waiting for a slow server. Source: facts measured on ioredis 6, whose defaults differ.
 */
export async function connectRedis(url: string, name: string): Promise<Redis> {
  const { Redis } = await import('ioredis');
  const redis = new Redis(url, {
    connectionName: name.replaceAll(/\s/g, '-'),
    autoResendUnfulfilledCommands: false,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: limits.cacheCommandMsMax,
    enableAutoPipelining: true,
    retryStrategy: (attempt) =>
      Math.min(limits.cacheReconnectMsMax, limits.cacheReconnectMsMin * attempt),
    lazyConnect: false,
  });
  // Each command reports its own failure; without a listener the event would end the process.
  redis.on('error', () => {});
  return redis;
}

/** Waits for a command as long as the budget of the current scope lasts; the command's own limit holds as well. */
export function inBudget<Result>(command: Promise<Result>): Promise<Result> {
  const leftMs = remainingMs();
  return leftMs < limits.cacheCommandMsMax ? within(leftMs, command) : command;
}

/** One connection for all services of a process, made when the first of them asks. */
export interface SharedRedis {
  get(): Promise<Redis>;
  close(): Promise<void>;
}

/** A process that uses no Redis keeps no connection and does not load the client, which takes 2 MB. */
export function shareRedis(url: string, name: string): SharedRedis {
  let connected: Promise<Redis> | undefined;
  return {
    get() {
      connected ??= connectRedis(url, name);
      return connected;
    },
    async close() {
      // Whoever asked for it was told why there is none.
      (await connected?.catch(() => undefined))?.disconnect();
    },
  };
}
