import { describe, expect, test } from 'vitest';
import { createTestClock } from '../clock.ts';
import { createWatchHub } from './watch.ts';

interface State {
  version: bigint;
}

function setUp() {
  const table = new Map<string, State>([['a', { version: 1n }]]);
  const clock = createTestClock();
  let reads = 0;
  const hub = createWatchHub<State>({
    read: async (keys) => {
      reads += 1;
      return new Map(keys.flatMap((key) => (table.has(key) ? [[key, table.get(key)!]] : [])));
    },
    versionOf: ({ version }) => version,
    clock,
  });
  const abort = new AbortController();
  return { table, clock, hub, abort, reads: () => reads };
}

describe('a watcher', () => {
  test('gets the present state, then each newer one, never an older one', async () => {
    const { table, hub, abort } = setUp();
    const states = hub.watch(['a'], abort.signal);
    expect((await states.next()).value?.value.version).toBe(1n);
    const next = states.next();
    hub.hint('a', { version: 1n });
    hub.hint('a', { version: 0n });
    table.set('a', { version: 3n });
    hub.hint('a');
    expect((await next).value?.value.version).toBe(3n);
    abort.abort();
    expect((await states.next()).done).toBe(true);
    expect(hub.watching).toBe(0);
  });

  test('gets the last of changes that came while it was busy', async () => {
    const { hub, abort } = setUp();
    const states = hub.watch(['a'], abort.signal);
    await states.next();
    for (const version of [2n, 3n, 4n]) hub.hint('a', { version });
    expect((await states.next()).value?.value.version).toBe(4n);
    abort.abort();
    await states.return(undefined);
  });

  test('finds by itself what no hint told it of', async () => {
    const { table, clock, hub, abort, reads } = setUp();
    const states = hub.watch(['a'], abort.signal);
    await states.next();
    const next = states.next();
    table.set('a', { version: 2n });
    const before = reads();
    // The watcher sets its timer only once it waits.
    while (reads() === before) {
      clock.advance({ seconds: 10 });
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await next).value?.value.version).toBe(2n);
    abort.abort();
  });

  test('that stops reading leaves nothing behind', async () => {
    const { hub, abort } = setUp();
    for await (const { key } of hub.watch(['a'], abort.signal)) {
      expect(key).toBe('a');
      break;
    }
    expect(hub.watching).toBe(0);
  });
});
