import { Redis } from 'ioredis';

/** Milliseconds a command may take: past this the database is the faster answer. */
const commandMsMax = 100;

/**
 * A Redis connection that fails fast: no queue while disconnected, no command sent twice after a reconnect (a counter or
 * script could run twice), no waiting for a slow server. Source: facts measured on ioredis 6, whose defaults differ.
 */
export function connectRedis(url: string, name: string): Redis {
  const redis = new Redis(url, {
    connectionName: name.replaceAll(/\s/g, '-'),
    autoResendUnfulfilledCommands: false,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: commandMsMax,
    enableAutoPipelining: true,
    retryStrategy: (attempt) => Math.min(1_000, 50 * attempt),
    lazyConnect: false,
  });
  // Each command reports its own failure; without a listener the event would end the process.
  redis.on('error', () => {});
  return redis;
}
