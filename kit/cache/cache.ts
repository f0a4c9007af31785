import type { Redis } from 'ioredis';
import { limits } from '../limits.ts';
import { inBudget } from './redis.ts';

/**
 * A cache in Redis. Redis is never the truth: when it is away, slow or empty, reads miss and writes are dropped, and only
 * speed is lost. Values are bytes.
 */
export interface Cache {
  /** One value or undefined for each key, in order. */
  read(keys: readonly string[]): Promise<(Buffer | undefined)[]>;
  /**
   * Stores what was loaded from the database after a miss. A key that was invalidated a moment ago keeps missing, so a
   * load that began before a change cannot bring the old value back.
   */
  fill(entries: readonly { key: string; value: Uint8Array }[], ttlMs: number): Promise<void>;
  /** Called after the commit that changed what the keys stand for. */
  invalidate(keys: readonly string[]): Promise<void>;
}

/** The first byte of all that is stored: an empty value is one too, and a tombstone is none. */
const tombstone = Buffer.from([0]);
const marker = Buffer.from([1]);

/** `prefix` separates services and meshes on one server. */
export function createCache(redis: Redis, prefix: string): Cache {
  const full = (key: string) => `${prefix}:${key}`;
  return {
    async read(keys) {
      if (keys.length === 0) return [];
      try {
        const found = await inBudget(redis.mgetBuffer(keys.map(full)));
        return found.map((value) =>
          value && value[0] === marker[0] ? value.subarray(1) : undefined,
        );
      } catch {
        return keys.map(() => undefined);
      }
    },
    async fill(entries, ttlMs) {
      // A dropped write is a later miss, nothing more.
      await Promise.allSettled(
        entries.map(({ key, value }) =>
          inBudget(redis.set(full(key), Buffer.concat([marker, value]), 'PX', ttlMs, 'NX')),
        ),
      );
    },
    async invalidate(keys) {
      await Promise.allSettled(
        keys.map((key) => redis.set(full(key), tombstone, 'PX', limits.cacheTombstoneMs)),
      );
    },
  };
}
