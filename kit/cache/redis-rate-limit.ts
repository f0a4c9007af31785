import type { Redis } from 'ioredis';
import { createLocalRateLimiter, type RateLimiter } from '../load/rate-limit.ts';
import { inBudget } from './redis.ts';

// A token bucket in one round trip. Redis' own clock, so that processes need not agree on theirs.
const script = `
local now = redis.call('TIME')
local at = now[1] * 1000 + math.floor(now[2] / 1000)
local calls, period = tonumber(ARGV[1]), tonumber(ARGV[2])
local stored = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = tonumber(stored[1]) or calls
local last = tonumber(stored[2]) or at
tokens = math.min(calls, tokens + math.max(0, at - last) * calls / period)
local wait = 0
if tokens >= 1 then tokens = tokens - 1 else wait = math.ceil((1 - tokens) * period / calls) end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', at)
redis.call('PEXPIRE', KEYS[1], period)
return wait`;

/**
 * A token bucket per key that all processes share. While Redis is away each process limits by itself: a limit that is a
 * few times too generous for a while harms less than a closed door.
 */
export function createRedisRateLimiter(redis: Redis, prefix: string): RateLimiter {
  const local = createLocalRateLimiter();
  redis.defineCommand('meshworkTake', { numberOfKeys: 1, lua: script });
  const take = (
    redis as unknown as { meshworkTake(key: string, calls: number, ms: number): Promise<number> }
  ).meshworkTake.bind(redis);
  return {
    async take(key, rate) {
      try {
        return await inBudget(take(`${prefix}:${key}`, rate.calls, rate.periodMs));
      } catch {
        return local.take(key, rate);
      }
    },
  };
}
