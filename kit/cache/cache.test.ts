import { create } from '@bufbuild/protobuf';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { type EchoRequest, EchoRequestSchema } from '#gen/platform/testing/v1/testing_pb.ts';
import { uuidv7 } from '../ids.ts';
import { detached } from '../scope.ts';
import { type Proxy, startProxy } from '../testing/proxy.ts';
import { type Cache, createCache } from './cache.ts';
import { type Cached, createCached } from './cached.ts';
import { connectRedis } from './redis.ts';
import { createRedisRateLimiter } from './redis-rate-limit.ts';

let proxy: Proxy;
let redis: Redis;
/** Another process, whose way to Redis nobody cuts. */
let direct: Redis;
let cache: Cache;
/** Other files use the same server. */
let prefix: string;

beforeAll(async () => {
  const { redisUrl } = inject('servers');
  proxy = await startProxy(redisUrl);
  redis = await connectRedis(proxy.url, 'test');
  direct = await connectRedis(redisUrl, 'test');
});
beforeEach(async () => {
  proxy.mend();
  await expect.poll(isThere, { timeout: 10_000 }).toBe(true);
  prefix = uuidv7();
  cache = createCache(redis, prefix);
});
afterAll(async () => {
  redis.disconnect();
  direct.disconnect();
  await proxy.stop();
});

const isThere = () =>
  redis.ping().then(
    () => true,
    () => false,
  );

const bytes = (text: string) => Buffer.from(text);
const minuteMs = 60_000;
const fill = (text: string, ttlMs = minuteMs) =>
  cache.fill([{ key: 'key', value: bytes(text) }], ttlMs);

async function readKey(): Promise<string | undefined> {
  const [value] = await cache.read(['key']);
  return value?.toString();
}

describe('a cache', () => {
  test('answers what was filled in, in the order of the keys, until its time is over', async () => {
    await cache.fill(
      [
        { key: 'a', value: bytes('1') },
        { key: 'b', value: bytes('') },
        { key: 'short', value: bytes('3') },
      ],
      minuteMs,
    );
    await fill('4', 30);
    expect(await cache.read(['b', 'none', 'a'])).toEqual([bytes(''), undefined, bytes('1')]);
    await expect.poll(readKey).toBeUndefined();
    expect(await cache.read([])).toEqual([]);
  });

  test('does not bring back what was loaded before a change', async () => {
    await fill('old');
    await cache.invalidate(['key']);
    expect(await readKey()).toBeUndefined();
    // This load began before the change and comes late; the next one may be as old.
    await fill('old');
    await fill('old');
    expect(await readKey()).toBeUndefined();
  });

  test('is not waited for beyond the budget of the caller', async () => {
    await fill('here');
    proxy.hush();
    const patient = redis.ping().then(
      () => 'answered',
      () => 'given up',
    );
    const read = detached({ timeoutMs: 20 }, readKey).then(() => 'read');
    expect(await Promise.race([patient, read])).toBe('read');
    expect(await patient).toBe('given up');
  });

  test('is not told of the same key by another mesh or service', async () => {
    const other = createCache(redis, uuidv7());
    await fill('mine');
    await other.invalidate(['key']);
    expect(await readKey()).toBe('mine');
  });

  test.each(['cut', 'hush'] as const)(
    'misses at once while Redis is away (%s), and serves again when it is back',
    async (how) => {
      await fill('value');
      proxy[how]();
      const startedAt = performance.now();
      expect(await cache.read(['key', 'other'])).toEqual([undefined, undefined]);
      await fill('value');
      await cache.invalidate(['other']);
      expect(performance.now() - startedAt).toBeLessThan(1_000);
      proxy.mend();
      await expect.poll(readKey, { timeout: 10_000 }).toBe('value');
    },
  );
});

describe('cached messages', () => {
  /** What the database says. */
  let stored: Map<string, string>;
  let loads: string[][];
  /** Resolves before a load answers, after it has read. */
  let answer: Promise<void>;
  let texts: Cached<typeof EchoRequestSchema>;

  const make = () =>
    createCached<typeof EchoRequestSchema>({
      cache,
      name: 'text',
      schema: EchoRequestSchema,
      ttlMs: minuteMs,
      timeoutMs: 5_000,
      async load(keys) {
        loads.push(keys);
        const read = new Map<string, EchoRequest>();
        for (const key of keys) {
          const text = stored.get(key);
          if (text !== undefined) read.set(key, create(EchoRequestSchema, { text }));
        }
        await answer;
        return read;
      },
    });

  beforeEach(() => {
    stored = new Map([
      ['a', 'one'],
      ['b', 'two'],
    ]);
    loads = [];
    answer = Promise.resolve();
    texts = make();
  });

  const textOf = async (key: string, from = texts) => (await from.get(key))?.text;
  /** Until what was loaded is in Redis: a fill is not waited for. */
  const isKept = (key: string) => async () => (await cache.read([`text:${key}`]))[0] !== undefined;

  test('are loaded once for all who wait for them', async () => {
    const many = await Promise.all(Array.from({ length: 100 }, () => textOf('a')));
    expect(new Set(many)).toEqual(new Set(['one']));
    expect(loads).toEqual([['a']]);
    await expect.poll(isKept('a')).toBe(true);
    expect([...(await texts.getMany(['a', 'b', 'none'])).keys()]).toEqual(['a', 'b']);
    expect(loads).toEqual([['a'], ['b', 'none']]);
    expect(await textOf('a', make())).toBe('one');
    expect(loads).toHaveLength(2);
  });

  test('are never older than the last change that was acknowledged', async () => {
    const load = Promise.withResolvers<void>();
    answer = load.promise;
    const early = textOf('a');
    await expect.poll(() => loads.length).toBe(1);
    // The change commits, and is acknowledged once the cache knows of it.
    stored.set('a', 'changed');
    await texts.invalidate(['a']);
    answer = Promise.resolve();
    // Whoever comes now joins no load that began before the change.
    expect(await textOf('a')).toBe('changed');
    load.resolve();
    expect(await early).toBe('one');
    expect(await textOf('a')).toBe('changed');
    expect(await textOf('a', make())).toBe('changed');
  });

  test('that cannot be read are loaded anew', async () => {
    await cache.fill([{ key: 'text:a', value: Buffer.from([10, 99]) }], minuteMs);
    expect(await textOf('a')).toBe('one');
  });

  test('are served by the database while Redis is killed and comes back empty', async () => {
    let isOver = false;
    let reads = 0;
    async function reader(): Promise<void> {
      while (!isOver) {
        expect(await textOf('a')).toBe('one');
        expect((await texts.getMany(['a', 'b'])).size).toBe(2);
        reads += 1;
      }
    }
    const readers = Promise.all(Array.from({ length: 4 }, reader));
    for (let deaths = 0; deaths < 5; deaths += 1) {
      const before = reads;
      await expect.poll(() => reads, { timeout: 10_000 }).toBeGreaterThan(before + 5);
      proxy.cut();
      await direct.del(`${prefix}:text:a`, `${prefix}:text:b`);
      await expect.poll(() => reads, { timeout: 10_000 }).toBeGreaterThan(before + 10);
      proxy.mend();
    }
    isOver = true;
    await readers;
    await expect.poll(isThere, { timeout: 10_000 }).toBe(true);
    await textOf('a');
    await expect.poll(isKept('a')).toBe(true);
  });
});

describe('a rate limit', () => {
  const rate = { calls: 20, periodMs: 3_600_000 };
  const limiterOf = (on = redis) => createRedisRateLimiter(on, prefix);
  const take = async (limiter: ReturnType<typeof limiterOf>, count: number, key = 'key') => {
    const waits = await Promise.all(Array.from({ length: count }, () => limiter.take(key, rate)));
    return waits.filter((waitMs) => waitMs === 0).length;
  };

  test('holds for all processes together, whoever asks and how many at once', async () => {
    const both = [limiterOf(), limiterOf(direct)];
    const taken = await Promise.all(both.map((limiter) => take(limiter, 30)));
    expect(taken[0]! + taken[1]!).toBe(rate.calls);
    expect(await take(both[0]!, 5, 'other')).toBe(5);
    const waitMs = await both[1]!.take('key', rate);
    expect(waitMs).toBeGreaterThan(0);
    expect(waitMs).toBeLessThanOrEqual(rate.periodMs / rate.calls);
  });

  test('gives back with time', async () => {
    const limiter = limiterOf();
    const quick = { calls: 1, periodMs: 50 };
    expect(await limiter.take('key', quick)).toBe(0);
    await expect.poll(() => limiter.take('key', quick), { interval: 10 }).toBe(0);
  });

  test('loses nothing when the clock of Redis is put back', async () => {
    const limiter = limiterOf();
    expect(await take(limiter, 1)).toBe(1);
    await direct.hset(`${prefix}:key`, 'at', Date.now() + 10 * rate.periodMs);
    expect(await take(limiter, rate.calls)).toBe(rate.calls - 1);
  });

  test.each(['cut', 'hush'] as const)(
    'is each process its own while Redis is away (%s), and common again after it',
    async (how) => {
      const limiter = limiterOf();
      expect(await take(limiter, rate.calls)).toBe(rate.calls);
      proxy[how]();
      expect(await take(limiter, 30)).toBe(rate.calls);
      expect(await take(limiter, 1)).toBe(0);
      proxy.mend();
      await expect.poll(isThere, { timeout: 10_000 }).toBe(true);
      // Redis remembers what was taken before.
      expect(await take(limiter, 1)).toBe(0);
      expect(await take(limiter, 1, 'other')).toBe(1);
    },
  );
});
