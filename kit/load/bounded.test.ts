import { expect, test } from 'vitest';
import { detached } from '../scope.ts';
import { createBounded } from './bounded.ts';

/** Work that ends when it is told to. */
function held() {
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { work: () => ended, end };
}

test('so much runs at once, so much waits, and the rest is refused', async () => {
  const bounded = createBounded({ name: 'testing.bounded', atOnceMax: 2, queueMax: 3 });
  const works = Array.from({ length: 6 }, held);
  const results = works.map(({ work }) => bounded.run(work));
  await expect(results[5]).rejects.toMatchObject({ reason: 'OVERLOADED' });
  expect([bounded.running, bounded.waiting]).toEqual([2, 3]);
  for (const { end } of works) end();
  await Promise.all(results.slice(0, 5));
  expect([bounded.running, bounded.waiting]).toEqual([0, 0]);
});

test('work that fails gives its place back', async () => {
  const bounded = createBounded({ name: 'testing.bounded', atOnceMax: 1, queueMax: 1 });
  const failing = () => Promise.reject(new Error('no'));
  await expect(bounded.run(failing)).rejects.toThrow('no');
  await expect(bounded.run(async () => 'yes')).resolves.toBe('yes');
});

test('work whose caller has run out of time is not begun', async () => {
  const bounded = createBounded({ name: 'testing.bounded', atOnceMax: 1, queueMax: 1 });
  const first = held();
  const running = bounded.run(first.work);
  let begun = 0;
  const late = detached({ timeoutMs: 0 }, () =>
    bounded.run(async () => {
      begun += 1;
    }),
  );
  first.end();
  await running;
  await expect(late).rejects.toMatchObject({ reason: 'DEADLINE_TOO_SHORT' });
  expect(begun).toBe(0);
});
