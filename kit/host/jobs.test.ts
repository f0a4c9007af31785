import { expect, onTestFinished, test } from 'vitest';
import { createLogger } from '../telemetry/log.ts';
import { eventually, signal } from '../testing/echo-fixture.ts';
import { startJob } from './jobs.ts';

const hourMs = 3_600_000;

/** Starts a job that ends with the test, and hears what it logs. */
function start(everyMs: number, run: () => Promise<number>) {
  const lines: { msg: string }[] = [];
  const log = createLogger('testing.jobs', {
    destination: { write: (line) => void lines.push(JSON.parse(line)) },
  });
  const job = startJob({ name: 'testing.job', everyMs, run }, log);
  onTestFinished(() => job.stop());
  return { job, lines };
}

test('a job goes on until nothing is due, then rests, and a drain does not wait for the rest', async () => {
  let due = 3;
  let runs = 0;
  const { job } = start(hourMs, async () => {
    runs += 1;
    const done = Math.min(due, 1);
    due -= done;
    return done;
  });
  await eventually(() => runs).toBe(4);
  due = 2;
  await job.drain();
  expect({ due, runs }).toEqual({ due: 0, runs: 7 });
});

test('a job that fails is tried again, and logged once for each streak', async () => {
  let runs = 0;
  // Two streaks, and between them one failure that the next turn mends.
  const failing = new Set([1, 2, 3, 5, 7, 8, 9]);
  const { job, lines } = start(1, async () => {
    runs += 1;
    if (failing.has(runs)) throw new Error('away');
    return 0;
  });
  await eventually(() => runs).toBeGreaterThan(10);
  await job.stop();
  expect(lines.map(({ msg }) => msg)).toEqual(['job.failing', 'job.failing']);
});

test('a drain rejects when a run fails', async () => {
  const { job } = start(hourMs, async () => {
    throw new Error('away');
  });
  await expect(job.drain()).rejects.toThrow('away');
});

test('a job that stops finishes the run in hand and begins no other, though more is due', async () => {
  const begun = signal();
  const goOn = signal();
  let finished = 0;
  const { job } = start(0, async () => {
    begun.fire();
    await goOn.promise;
    finished += 1;
    return finished < 10 ? 1 : 0;
  });
  await begun.promise;
  let isStopped = false;
  const stopping = job.stop().then(() => {
    isStopped = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(isStopped).toBe(false);
  goOn.fire();
  await stopping;
  expect(finished).toBe(1);
});

test('a job that rests stops at once', async () => {
  let runs = 0;
  const { job } = start(hourMs, async () => {
    runs += 1;
    return 0;
  });
  await eventually(() => runs).toBe(1);
  await job.stop();
  expect(runs).toBe(1);
});
