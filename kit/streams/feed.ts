/** Streams of "what was added": every entry of a list that only grows, once and in order, from a position on. */

import type { Clock } from '../clock.ts';
import { assert } from '../errors.ts';
import { limits } from '../limits.ts';
import { createCoalescer } from '../load/coalesce.ts';
import { createListeners } from './listeners.ts';

/** A place in one feed: after it, the next entry is read. */
export interface FeedPosition {
  feed: string;
  after: bigint;
}

/** How the entries of feeds are read, and how often without a hint. */
export interface FeedHubOptions<Entry> {
  /** For errors and metrics: "platform.notification.feed". */
  name: string;
  /**
   * Reads what each feed has after a position, the oldest first, at most `limit` entries each, in the order asked.
   *
   * NOTE: an entry must not turn up below one that was read before, or it is never seen. So give positions under a lock
   * of the feed that is held until the commit; a sequence, or the time, is taken before it.
   */
  read(asked: readonly FeedPosition[], limit: number): Promise<Entry[][]>;
  positionOf(entry: Entry): bigint;
  clock: Clock;
  timeoutMs: number;
  /** How often a follower looks by itself, for hints that were lost on the way. About: they do not all look at once. */
  refreshMs?: number;
}

/** All feeds of one kind, for the streams of this process. */
export interface FeedHub<Entry> {
  /** Something was added to a feed. It need not be true, and nothing is lost when it is not said. */
  hint(feed: string): void;
  /**
   * The entries of a feed after a position, as they come, some at a time: what there is at once, then each addition.
   * Ends when `signal` aborts, and throws when the database cannot be read: whoever follows comes back with its position.
   */
  follow(position: FeedPosition, signal: AbortSignal): AsyncGenerator<Entry[]>;
  readonly following: number;
}

/**
 * Makes a hub. Followers that look at the same moment share one read of all their feeds, so many that are hinted at
 * together cost one query. Feeds come in pieces of at most limits.feedEntriesMax entries.
 */
export function createFeedHub<Entry>(options: FeedHubOptions<Entry>): FeedHub<Entry> {
  const { name, read, positionOf, clock, timeoutMs, refreshMs = limits.feedRefreshMs } = options;
  const followers = createListeners<[]>();
  const reads = createCoalescer<FeedPosition, Entry[]>({
    name,
    timeoutMs,
    async run(asked) {
      const found = await read(asked, limits.feedEntriesMax);
      return found.map((value) => ({ value }));
    },
  });

  async function* follow({ feed, after }: FeedPosition, signal: AbortSignal) {
    let position = after;
    // The first look comes after the hints are heard, so that nothing falls between the two.
    let isHinted = true;
    let wake = () => {};
    const hear = () => {
      isHinted = true;
      wake();
    };
    const leave = followers.join([feed], hear);
    const onAbort = () => wake();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      while (!signal.aborted) {
        if (isHinted) {
          isHinted = false;
          const entries = await reads.do({ feed, after: position });
          for (const entry of entries) {
            assert(positionOf(entry) > position, 'the entries of a feed come in order');
            position = positionOf(entry);
          }
          if (entries.length > 0) {
            isHinted ||= entries.length === limits.feedEntriesMax;
            yield entries;
          }
          continue;
        }
        await new Promise<void>((resolve) => {
          const cancel = clock.after(refreshMs * (0.75 + Math.random() / 2), hear);
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

  return {
    hint: followers.tell,
    follow,
    get following() {
      return followers.size;
    },
  };
}
