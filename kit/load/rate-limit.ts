import { limits } from '../limits.ts';
import { createRecent } from '../recent.ts';

/** So many calls in each period, evenly refilled; `calls` is also the largest burst. */
export interface Rate {
  calls: number;
  periodMs: number;
}

/** A token bucket for each key: of this process, or in Redis where processes share them. */
export interface RateLimiter {
  /** Takes one token of `key`. Answers 0, or the milliseconds until there is one. */
  take(key: string, rate: Rate): number | Promise<number>;
}

/** A token bucket per key in this process. */
export function createLocalRateLimiter(now: () => number = Date.now): RateLimiter {
  const buckets = createRecent<{ tokens: number; at: number }>(limits.rateKeysMax);
  return {
    take(key, rate) {
      const at = now();
      const bucket = buckets.get(key);
      if (bucket === undefined) {
        buckets.set(key, { tokens: rate.calls - 1, at });
        return 0;
      }
      // A clock that is put back must not empty the bucket, or people wait until it is where it was.
      const refilled = (Math.max(0, at - bucket.at) * rate.calls) / rate.periodMs;
      bucket.tokens = Math.min(rate.calls, bucket.tokens + refilled);
      bucket.at = at;
      if (bucket.tokens >= 1) {
        bucket.tokens -= 1;
        return 0;
      }
      return ((1 - bucket.tokens) * rate.periodMs) / rate.calls;
    },
  };
}
