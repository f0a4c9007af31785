import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { currentScope, runInScope } from '../scope.ts';
import { createCoalescer, type Outcome } from './coalesce.ts';

/** A coalescer whose batches wait until they are let go, so that a test decides what meets what. */
function gated(
  options: Partial<Record<'itemsMax' | 'batchesMax' | 'queueMax' | 'shareMin', number>> = {},
) {
  const batches: { items: number[]; release: (outcomes?: Outcome<number>[]) => void }[] = [];
  let arrived = () => {};
  const coalescer = createCoalescer<number, number>({
    name: 'test',
    timeoutMs: 1_000,
    ...options,
    run: (items) =>
      new Promise((resolve) => {
        const doubled = items.map((item) => ({ value: item * 2 }));
        batches.push({ items, release: (outcomes = doubled) => resolve(outcomes) });
        arrived();
      }),
  });
  return {
    coalescer,
    batches,
    /** Resolves when so many batches have begun. */
    async begun(count: number) {
      while (batches.length < count) {
        await new Promise<void>((resolve) => {
          arrived = resolve;
        });
      }
    },
  };
}

describe('a coalescer', () => {
  test('makes one batch of what arrived while the last one was in flight', async () => {
    const { coalescer, batches, begun } = gated();
    const first = coalescer.do(1);
    await begun(1);
    const rest = [2, 3, 4].map((item) => coalescer.do(item));
    batches[0]!.release();
    expect(await first).toBe(2);
    await begun(2);
    batches[1]!.release();
    expect(await Promise.all(rest)).toEqual([4, 6, 8]);
    expect(batches.map(({ items }) => items)).toEqual([[1], [2, 3, 4]]);
  });

  test('shares what waits among the batches that may begin, but into no smaller parts than it is told', async () => {
    const { coalescer, batches, begun } = gated({ batchesMax: 2, shareMin: 3 });
    const many = [1, 2, 3, 4, 5, 6, 7].map((item) => coalescer.do(item));
    await begun(2);
    const few = [8, 9, 10, 11].map((item) => coalescer.do(item));
    batches[0]!.release();
    await begun(3);
    for (const { release } of batches.slice(1)) release();
    await Promise.all([...many, ...few]);
    expect(batches.map(({ items }) => items)).toEqual([
      [1, 2, 3, 4],
      [5, 6, 7],
      [8, 9, 10, 11],
    ]);
  });

  test('gives each item its own outcome', async () => {
    const { coalescer, batches, begun } = gated();
    const [good, bad] = [coalescer.do(1), coalescer.do(2)];
    await begun(1);
    batches[0]!.release([{ value: 10 }, { error: new Error('only this one') }]);
    expect(await good).toBe(10);
    await expect(bad).rejects.toThrow('only this one');
  });

  test('drops an item whose deadline passed while it waited, before the work', async () => {
    const { coalescer, batches, begun } = gated();
    const first = coalescer.do(1);
    await begun(1);
    const scope = {
      deadlineAt: Date.now() - 1,
      trace: undefined,
      authorization: undefined,
      cancellation: undefined,
    };
    const late = runInScope(scope, () => coalescer.do(2));
    const inTime = coalescer.do(3);
    batches[0]!.release();
    await first;
    await expect(late).rejects.toMatchObject({ reason: 'DEADLINE_TOO_SHORT' });
    await begun(2);
    batches[1]!.release();
    expect(await inTime).toBe(6);
    expect(batches[1]!.items).toEqual([3]);
  });

  test('refuses more than its queue holds', async () => {
    const { coalescer, batches, begun } = gated({ queueMax: 2 });
    const first = coalescer.do(1);
    await begun(1);
    const waiting = [coalescer.do(2), coalescer.do(3)];
    await expect(coalescer.do(4)).rejects.toMatchObject({ reason: 'OVERLOADED' });
    batches[0]!.release();
    await begun(2);
    batches[1]!.release();
    await Promise.all([first, ...waiting]);
  });

  test('fails every item of a batch whose outcomes do not match its items', async () => {
    const { coalescer, batches, begun } = gated();
    const both = [coalescer.do(1), coalescer.do(2)];
    await begun(1);
    batches[0]!.release([{ value: 1 }]);
    for (const result of await Promise.allSettled(both)) expect(result.status).toBe('rejected');
  });

  test('keeps to its bounds and answers everybody, whatever arrives when', async () => {
    const bounds = fc.record({
      itemsMax: fc.integer({ min: 1, max: 5 }),
      batchesMax: fc.integer({ min: 1, max: 3 }),
      shareMin: fc.integer({ min: 1, max: 5 }),
    });
    const bursts = fc.array(fc.array(fc.integer(), { maxLength: 8 }), { maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(bounds, bursts, async (options, arrivals) => {
        let running = 0;
        const coalescer = createCoalescer<number, number>({
          name: 'property',
          timeoutMs: 1_000,
          ...options,
          async run(items) {
            running += 1;
            expect(running).toBeLessThanOrEqual(options.batchesMax);
            expect(items.length).toBeLessThanOrEqual(options.itemsMax);
            await new Promise((resolve) => setImmediate(resolve));
            running -= 1;
            return items.map((value) => ({ value }));
          },
        });
        const answers: Promise<number>[] = [];
        for (const burst of arrivals) {
          answers.push(...burst.map((item) => coalescer.do(item)));
          await Promise.resolve();
        }
        expect(await Promise.all(answers)).toEqual(arrivals.flat());
        await coalescer.idle();
        expect(coalescer.waiting).toBe(0);
      }),
      { numRuns: 50 },
    );
  });

  test('works for a batch in the first trace that is sampled, and for the next in its own', async () => {
    const traces: (string | undefined)[] = [];
    const coalescer = createCoalescer<number, number>({
      name: 'test',
      timeoutMs: 1_000,
      async run(items) {
        traces.push(currentScope()?.trace?.traceId);
        return items.map((value) => ({ value }));
      },
    });
    const doIn = (traceId: string, sampled: boolean) => {
      const trace = { traceId, spanId: 's', sampled };
      const scope = {
        deadlineAt: Number.POSITIVE_INFINITY,
        trace,
        authorization: undefined,
        cancellation: undefined,
      };
      return runInScope(scope, () => coalescer.do(1));
    };
    await Promise.all([doIn('a', false), doIn('b', true), doIn('c', true)]);
    await Promise.all([doIn('d', false), doIn('e', false)]);
    await Promise.all([coalescer.do(1), doIn('f', false)]);
    expect(traces).toEqual(['b', 'd', undefined]);
  });
});
