import { type DescMessage, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf';
import { createCoalescer } from '../load/coalesce.ts';
import type { Cache } from './cache.ts';

/** What is cached under which keys, for how long, and where it comes from. */
export interface CachedOptions<Schema extends DescMessage> {
  cache: Cache;
  /** First part of the keys: "product". */
  name: string;
  schema: Schema;
  /** How old an answer may be when an invalidation was lost with Redis. */
  ttlMs: number;
  timeoutMs: number;
  /** Loads from the database; keys that do not exist are left out. */
  load(keys: string[]): Promise<Map<string, MessageShape<Schema>>>;
}

/** Messages by key, through the cache. */
export interface Cached<Schema extends DescMessage> {
  /** The message of a key, undefined when there is none. Callers share it: they must not change it. */
  get(key: string): Promise<MessageShape<Schema> | undefined>;
  getMany(keys: readonly string[]): Promise<Map<string, MessageShape<Schema>>>;
  invalidate(keys: readonly string[]): Promise<void>;
}

/**
 * Reads messages by key: Redis first, then one query for all that missed. Reads that wait at the same time are coalesced
 * into one round to Redis and one to the database. Nobody joins a load that is under way: it may be older than a change
 * that was acknowledged since.
 */
export function createCached<Schema extends DescMessage>(
  options: CachedOptions<Schema>,
): Cached<Schema> {
  const { cache, name, schema, ttlMs } = options;
  const cacheKey = (key: string) => `${name}:${key}`;

  const loads = createCoalescer<string, MessageShape<Schema> | undefined>({
    name: `cached ${name}`,
    timeoutMs: options.timeoutMs,
    batchesMax: 4,
    async run(items) {
      const keys = [...new Set(items)];
      const found = await readThrough(keys);
      return items.map((key) => ({ value: found.get(key) }));
    },
  });

  async function readThrough(keys: string[]): Promise<Map<string, MessageShape<Schema>>> {
    const out = new Map<string, MessageShape<Schema>>();
    const stored = await cache.read(keys.map(cacheKey));
    const missing: string[] = [];
    keys.forEach((key, i) => {
      const message = read(stored[i]);
      if (message === undefined) missing.push(key);
      else out.set(key, message);
    });
    if (missing.length === 0) return out;
    const loaded = await options.load(missing);
    const entries = [...loaded].map(([key, message]) => ({
      key: cacheKey(key),
      value: toBinary(schema, message),
    }));
    void cache.fill(entries, ttlMs);
    for (const [key, message] of loaded) out.set(key, message);
    return out;
  }

  /** What cannot be read was damaged, or written by another version: a miss. */
  function read(bytes: Uint8Array | undefined): MessageShape<Schema> | undefined {
    try {
      return bytes && fromBinary(schema, bytes);
    } catch {
      return undefined;
    }
  }

  return {
    get: (key) => loads.do(key),
    async getMany(keys) {
      const values = await Promise.all(keys.map((key) => loads.do(key)));
      const out = new Map<string, MessageShape<Schema>>();
      keys.forEach((key, i) => {
        const value = values[i];
        if (value !== undefined) out.set(key, value);
      });
      return out;
    },
    invalidate: (keys) => cache.invalidate(keys.map(cacheKey)),
  };
}
