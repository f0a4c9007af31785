import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { limits } from '../limits.ts';
import { createTurns, type Turns } from './turns.ts';

const { restMsMin, restMsMax, restPerTurn } = limits;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Takes a turn whose work lasts so long, and answers how long the rest before it was. */
async function restBefore(turns: Turns, workMs: number, failure?: Error): Promise<number> {
  const startedAt = performance.now();
  let restMs: number | undefined;
  const turn = turns.take(async () => {
    restMs = performance.now() - startedAt;
    vi.advanceTimersByTime(workMs);
    if (failure) throw failure;
    return 'done';
  });
  const outcome = failure ? expect(turn).rejects.toBe(failure) : expect(turn).resolves.toBe('done');
  while (restMs === undefined) {
    vi.advanceTimersByTime(1);
    await Promise.resolve();
    await Promise.resolve();
  }
  await outcome;
  return restMs;
}

test('a rest is several times what the last turn took, within its bounds', async () => {
  const turns = createTurns();
  const workMs = Math.ceil(restMsMin / restPerTurn) + 1;
  expect(await restBefore(turns, workMs)).toBe(restMsMin);
  expect(await restBefore(turns, 10 * restMsMax)).toBe(restPerTurn * workMs);
  expect(await restBefore(turns, 0)).toBe(restMsMax);
  expect(await restBefore(turns, 0)).toBe(restMsMin);
});

test('a turn that fails says so, and is rested from as well', async () => {
  const turns = createTurns();
  await restBefore(turns, restMsMax, new Error('not yet'));
  expect(await restBefore(turns, 0)).toBe(restMsMax);
});
