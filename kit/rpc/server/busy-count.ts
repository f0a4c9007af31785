/** Counts what is at work, so that a drain can wait for the last of it. */
export interface BusyCount {
  enter(): void;
  leave(): void;
  /** Counts work until it settles, whichever way. */
  track(work: Promise<unknown>): void;
  /** Resolves when nothing is at work. */
  idle(): Promise<void>;
}

/** A count that starts at nothing. */
export function createBusyCount(): BusyCount {
  let count = 0;
  let waiting: (() => void)[] = [];

  function enter() {
    count += 1;
  }

  function leave() {
    count -= 1;
    if (count > 0 || waiting.length === 0) return;
    const woken = waiting;
    waiting = [];
    for (const wake of woken) wake();
  }

  return {
    enter,
    leave,
    track(work) {
      enter();
      work.then(leave, leave);
    },
    idle() {
      if (count === 0) return Promise.resolve();
      return new Promise((resolve) => {
        waiting.push(resolve);
      });
    },
  };
}
