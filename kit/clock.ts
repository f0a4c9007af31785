/** Time as an argument. Everything that asks what time it is gets a Clock, so that a test can move it. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls `run` once after `ms`; the returned function cancels. Timers never keep a process alive. */
  after(ms: number, run: () => void): () => void;
}

/** The time of this machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms).unref();
    return () => clearTimeout(timer);
  },
};

/** A duration by its parts, for tests: `{ minutes: 15 }`. */
export interface Duration {
  days?: number;
  hours?: number;
  minutes?: number;
  seconds?: number;
  milliseconds?: number;
}

/** The whole duration in milliseconds; parts that are absent count as nothing. */
export function toMs(duration: Duration): number {
  const hours = (duration.days ?? 0) * 24 + (duration.hours ?? 0);
  const seconds = (hours * 60 + (duration.minutes ?? 0)) * 60 + (duration.seconds ?? 0);
  return seconds * 1000 + (duration.milliseconds ?? 0);
}

/**
 * A clock for tests: real time plus what was added with `advance`. Timers that fall due because of an advance run at
 * once, in order; the others run when their real time comes, so that nothing under test stands still.
 */
export function createTestClock(): Clock & { advance(duration: Duration): void } {
  let offsetMs = 0;
  const timers = new Map<symbol, { dueAt: number; run: () => void; cancel: () => void }>();
  const now = () => Date.now() + offsetMs;
  return {
    now,
    after(ms, run) {
      const id = Symbol('timer');
      const fire = () => {
        if (timers.delete(id)) run();
      };
      timers.set(id, { dueAt: now() + ms, run: fire, cancel: systemClock.after(ms, fire) });
      return () => {
        timers.get(id)?.cancel();
        timers.delete(id);
      };
    },
    advance(duration) {
      offsetMs += toMs(duration);
      const due = [...timers.values()]
        .filter((timer) => timer.dueAt <= now())
        .sort((a, b) => a.dueAt - b.dueAt);
      for (const timer of due) {
        timer.cancel();
        timer.run();
      }
    },
  };
}
