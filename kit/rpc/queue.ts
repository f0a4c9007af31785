import type { Cancellation } from '../scope.ts';

/** A single-reader queue that is read with `for await`. */
export interface Queue<Item> extends AsyncIterable<Item> {
  push(item: Item): void;
  end(): void;
  /** Ends the queue with an error, which the reader gets after the items that came before it. */
  fail(error: unknown): void;
  /** Called each time the reader took an item: the moment to ask the sender for the next. */
  onTake(listener: () => void): void;
  readonly length: number;
}

/** An empty queue, without a bound of its own: whoever pushes minds `length` or waits for `onTake`. */
export function createQueue<Item>(): Queue<Item> {
  const items: Item[] = [];
  let ended = false;
  let failure: { error: unknown } | undefined;
  let wake: (() => void) | undefined;
  let onTake: (() => void) | undefined;

  function signal() {
    const waiting = wake;
    wake = undefined;
    waiting?.();
  }

  return {
    get length() {
      return items.length;
    },
    push(item) {
      items.push(item);
      signal();
    },
    end() {
      ended = true;
      signal();
    },
    fail(error) {
      failure ??= { error };
      signal();
    },
    onTake(listener) {
      onTake = listener;
    },
    async *[Symbol.asyncIterator]() {
      for (;;) {
        if (items.length > 0) {
          const item = items.shift()!;
          onTake?.();
          yield item;
        } else if (failure) {
          throw failure.error;
        } else if (ended) {
          return;
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    },
  };
}

/**
 * Sends into a queue in which at most one item waits, so that a slow reader slows the sender. What it answers resolves
 * when the reader took the item, and at once when nobody waits for the call any more.
 */
export function sendInto<Item>(
  queue: Queue<Item>,
  cancellation: Cancellation,
): (item: Item) => Promise<void> {
  let taken = () => {};
  queue.onTake(() => taken());
  cancellation.onCancel(() => taken());
  return (item) => {
    if (cancellation.cancelled) return Promise.resolve();
    return new Promise((resolve) => {
      taken = resolve;
      queue.push(item);
    });
  };
}
