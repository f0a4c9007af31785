/** Streams of "how is it now": the first state, then each newer one, never an older one, never losing the last. */

import type { Clock } from '../clock.ts';
import { limits } from '../limits.ts';
import { createListeners } from './listeners.ts';

/** How states are read and compared, and how often without a hint. */
export interface WatchHubOptions<Value> {
  /** Reads the present states from the database; keys that do not exist are left out. */
  read(keys: string[]): Promise<Map<string, Value>>;
  /** Grows with each change of one key. */
  versionOf(value: Value): bigint;
  clock: Clock;
  /** How often a watcher looks by itself, for hints that were lost on the way. */
  refreshMs?: number;
}

/** All states of one kind, for the streams of this process. */
export interface WatchHub<Value> {
  /** Something about a key has changed; with the new state at hand, nobody needs to read it. */
  hint(key: string, value?: Value): void;
  /**
   * The states of the keys from now on, starting with the present ones. Changes in quick succession may arrive as one;
   * the last is never left out. Ends when `signal` aborts.
   */
  watch(
    keys: readonly string[],
    signal: AbortSignal,
  ): AsyncGenerator<{ key: string; value: Value }>;
  readonly watching: number;
}

/**
 * Makes a hub. Each watcher reads for itself: all of its keys at its start and after `refreshMs` (limits.watchRefreshMs when absent)
 * without a hint, and those hinted at without a state. A watch throws what `read` throws.
 */
export function createWatchHub<Value>(options: WatchHubOptions<Value>): WatchHub<Value> {
  const { read, versionOf, clock, refreshMs = limits.watchRefreshMs } = options;
  const watchers = createListeners<[key: string, value?: Value]>();

  async function* watch(keys: readonly string[], signal: AbortSignal) {
    const sent = new Map<string, bigint>();
    const told = new Map<string, Value>();
    // All keys are unread at first: the present states come from the database, after the watch has begun.
    let unread = new Set(keys);
    let wake = () => {};
    const hear = (key: string, value?: Value) => {
      if (value === undefined) unread.add(key);
      else told.set(key, value);
      wake();
    };
    const leave = watchers.join(keys, hear);
    const onAbort = () => wake();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      while (!signal.aborted) {
        const states = new Map(told);
        told.clear();
        if (unread.size > 0) {
          const asked = [...unread];
          unread = new Set();
          for (const [key, value] of await read(asked))
            states.set(key, newer(states.get(key), value));
        }
        for (const [key, value] of states) {
          const version = versionOf(value);
          if (version <= (sent.get(key) ?? -1n)) continue;
          sent.set(key, version);
          yield { key, value };
        }
        if (told.size > 0 || unread.size > 0 || signal.aborted) continue;
        await new Promise<void>((resolve) => {
          const cancel = clock.after(refreshMs, () => {
            unread = new Set(keys);
            resolve();
          });
          wake = () => {
            cancel();
            resolve();
          };
        });
      }
    } finally {
      leave();
      signal.removeEventListener('abort', onAbort);
    }
  }

  function newer(a: Value | undefined, b: Value): Value {
    return a !== undefined && versionOf(a) > versionOf(b) ? a : b;
  }

  return {
    hint(key, value) {
      watchers.tell(key, key, value);
    },
    watch,
    get watching() {
      return watchers.size;
    },
  };
}
