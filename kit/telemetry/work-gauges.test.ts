import { expect, test } from 'vitest';
import { createAdmission } from '../load/admission.ts';
import { createBounded } from '../load/bounded.ts';
import { createCoalescer } from '../load/coalesce.ts';
import { signal } from '../testing/echo-fixture.ts';
import { scrape } from './metrics.ts';
import { observeWork } from './work-gauges.ts';

/** What a scrape says of some work; undefined for what it does not know. */
async function shown(work: string) {
  const lines = (await scrape()).split('\n');
  const valueOf = (gauge: string) => {
    const line = lines.find((each) => each.startsWith(`${gauge}{work="${work}"} `));
    return line === undefined ? undefined : Number(line.split(' ').at(-1));
  };
  return { waiting: valueOf('work_waiting'), running: valueOf('work_running') };
}

const idle = { waiting: 0, running: 0 };

test('a scrape says what waits in a coalescer and how many batches run', async () => {
  const [begun, end] = [signal(), signal()];
  const name = 'testing.gauges.coalescer';
  const coalescer = createCoalescer<number, number>({
    name,
    timeoutMs: 25_000,
    itemsMax: 2,
    async run(items) {
      begun.fire();
      await end.promise;
      return items.map((value) => ({ value }));
    },
  });
  expect(await shown(name)).toEqual(idle);
  const done = [1, 2, 3, 4, 5].map((item) => coalescer.do(item));
  await begun.promise;
  expect(await shown(name)).toEqual({ waiting: 3, running: 1 });
  end.fire();
  await Promise.all(done);
  await coalescer.idle();
  expect(await shown(name)).toEqual(idle);
});

test('a scrape says what waits for its turn, and what has it', async () => {
  const end = signal();
  const name = 'testing.gauges.bounded';
  const bounded = createBounded({ name, atOnceMax: 2, queueMax: 5 });
  const done = Array.from({ length: 5 }, () => bounded.run(() => end.promise));
  expect(await shown(name)).toEqual({ waiting: 3, running: 2 });
  end.fire();
  await Promise.all(done);
  expect(await shown(name)).toEqual(idle);
});

test('a scrape says who waits for a group, and who was let in', async () => {
  const [begun, end] = [signal(), signal()];
  const name = 'testing.gauges.admission';
  const admission = createAdmission(name);
  const work = () => {
    begun.fire();
    return end.promise;
  };
  const done = [1, 2].map(() => admission.do(work));
  expect(await shown(name)).toEqual({ waiting: 2, running: 0 });
  await begun.promise;
  expect(await shown(name)).toEqual({ waiting: 0, running: 2 });
  end.fire();
  await Promise.all(done);
  expect(await shown(name)).toEqual(idle);
});

test('works of one name are added up', async () => {
  const works = [
    { waiting: 1, running: 2 },
    { waiting: 10, running: 20 },
  ];
  for (const work of works) observeWork('testing.gauges.two', work);
  expect(await shown('testing.gauges.two')).toEqual({ waiting: 11, running: 22 });
  expect(await shown('testing.gauges.none')).toEqual({ waiting: undefined, running: undefined });
  // Held until here.
  expect(works).toHaveLength(2);
});
