import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createTestClock } from '../clock.ts';
import { runs } from '../testing/property.ts';
import { createFeedHub } from './feed.ts';

/** A feed in memory; `reads` counts how often it was asked. */
function createFeed(entries: bigint[] = []) {
  const clock = createTestClock();
  let reads = 0;
  const hub = createFeedHub<bigint>({
    name: 'test',
    clock,
    timeoutMs: 1_000,
    positionOf: (entry) => entry,
    async read(asked, limit) {
      reads += 1;
      await new Promise((resolve) => setImmediate(resolve));
      return asked.map(({ after }) => entries.filter((entry) => entry > after).slice(0, limit));
    },
  });
  return {
    hub,
    clock,
    add: (...added: bigint[]) => entries.push(...added),
    get reads() {
      return reads;
    },
  };
}

const from = (position: bigint) => ({ feed: 'a', after: position });

describe('a follower', () => {
  test('gets what there is after its position, then what is added', async () => {
    const { hub, add } = createFeed([1n, 2n, 3n]);
    const following = hub.follow(from(1n), new AbortController().signal);
    expect((await following.next()).value).toEqual([2n, 3n]);
    const next = following.next();
    add(4n);
    hub.hint('a');
    expect((await next).value).toEqual([4n]);
  });

  test('finds by itself what nobody hinted at', async () => {
    const { hub, add, clock } = createFeed();
    const next = hub.follow(from(0n), new AbortController().signal).next();
    await expect.poll(() => hub.following).toBe(1);
    add(1n);
    const looking = setInterval(() => clock.advance({ minutes: 1 }), 1);
    expect((await next).value).toEqual([1n]);
    clearInterval(looking);
  });

  test('far behind gets everything, in pieces', async () => {
    const all = Array.from({ length: 1_234 }, (_, i) => BigInt(i + 1));
    const { hub } = createFeed(all);
    const seen: bigint[] = [];
    for await (const entries of hub.follow(from(0n), new AbortController().signal)) {
      expect(entries.length).toBeLessThanOrEqual(100);
      seen.push(...entries);
      if (seen.length === all.length) break;
    }
    expect(seen).toEqual(all);
    expect(hub.following).toBe(0);
  });

  test('that is told to stop ends, also while it waits', async () => {
    const { hub } = createFeed();
    const stop = new AbortController();
    const next = hub.follow(from(0n), stop.signal).next();
    await expect.poll(() => hub.following).toBe(1);
    stop.abort();
    expect((await next).done).toBe(true);
    expect(hub.following).toBe(0);
  });

  test('shares its look with the others who were hinted at the same time', async () => {
    const feed = createFeed();
    const next = Array.from({ length: 50 }, () =>
      feed.hub.follow(from(0n), new AbortController().signal).next(),
    );
    await expect.poll(() => feed.reads).toBe(1);
    feed.add(1n);
    feed.hub.hint('a');
    for (const one of next) expect((await one).value).toEqual([1n]);
    expect(feed.reads).toBe(2);
  });
});

test('whoever comes back with its last position gets each entry once, in order', async () => {
  const step = fc.oneof(
    fc.record({ add: fc.integer({ min: 1, max: 150 }), isHinted: fc.boolean() }),
    fc.constant('reconnect' as const),
  );
  const property = fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
    const { hub, add, clock } = createFeed();
    const seen: bigint[] = [];
    let last = 0n;
    let stop = new AbortController();

    async function listen({ signal }: AbortController): Promise<void> {
      for await (const entries of hub.follow(from(seen.at(-1) ?? 0n), signal)) {
        seen.push(...entries);
      }
    }

    let listening = listen(stop);
    for (const one of steps) {
      if (one === 'reconnect') {
        stop.abort();
        await listening;
        stop = new AbortController();
        listening = listen(stop);
      } else {
        for (let i = 0; i < one.add; i += 1) {
          last += 1n;
          add(last);
        }
        if (one.isHinted) hub.hint('a');
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    while ((seen.at(-1) ?? 0n) < last) {
      clock.advance({ minutes: 1 });
      await new Promise((resolve) => setImmediate(resolve));
    }
    stop.abort();
    await listening;
    expect(seen).toEqual(Array.from({ length: Number(last) }, (_, i) => BigInt(i + 1)));
  });
  await fc.assert(property, runs(100));
});
