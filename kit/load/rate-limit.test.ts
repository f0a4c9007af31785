import { expect, test } from 'vitest';
import { createLocalRateLimiter } from './rate-limit.ts';

const rate = { calls: 3, periodMs: 60_000 };
/** Milliseconds until the next token of an empty bucket. */
const tokenMs = rate.periodMs / rate.calls;

function createLimiter() {
  const clock = { now: 1_000 };
  const limiter = createLocalRateLimiter(() => clock.now);
  return { clock, take: (key = 'somebody') => limiter.take(key, rate) };
}

test('so many calls may come at once, and the next one is told how long to wait', () => {
  const { clock, take } = createLimiter();
  expect([take(), take(), take()]).toEqual([0, 0, 0]);
  expect(take()).toBe(tokenMs);
  clock.now += tokenMs / 2;
  // Having asked in vain costs nothing.
  expect([take(), take()]).toEqual([tokenMs / 2, tokenMs / 2]);
  clock.now += tokenMs / 2;
  expect([take(), take()]).toEqual([0, tokenMs]);
});

test('a rest fills the bucket, and no more than that', () => {
  const { clock, take } = createLimiter();
  for (let i = 0; i < rate.calls; i += 1) take();
  clock.now += 10 * rate.periodMs;
  expect([take(), take(), take()]).toEqual([0, 0, 0]);
  expect(take()).toBe(tokenMs);
});

test('a clock that is put back takes nothing away', () => {
  const { clock, take } = createLimiter();
  take();
  clock.now -= 10 * rate.periodMs;
  expect([take(), take()]).toEqual([0, 0]);
  expect(take()).toBe(tokenMs);
  clock.now += tokenMs;
  expect(take()).toBe(0);
});

test('nobody uses up the limit of another', () => {
  const { take } = createLimiter();
  for (let i = 0; i <= rate.calls; i += 1) take('greedy');
  expect(take('modest')).toBe(0);
});
