import { DeadlineTooShort, Overloaded } from '../mesh-errors.ts';
import { currentScope, remainingMs } from '../scope.ts';
import { observeWork } from '../telemetry/work-gauges.ts';

/** Lets so much work run at once; the rest waits for its turn, in the order of asking. */
export interface Bounded {
  /**
   * Does work when its turn comes, first come first served. Throws Overloaded when too many wait already, and
   * DeadlineTooShort when the caller's budget ended, or the caller went, before the turn came.
   */
  run<Result>(work: () => Promise<Result>): Promise<Result>;
  readonly running: number;
  readonly waiting: number;
}

/**
 * Bounds how much of something costly goes on at once, and how much of it waits: for work that uses a scarce thing, such
 * as the thread pool, and would take it away from everything else.
 */
export function createBounded(options: {
  /** For metrics: "platform.user.passwords". */
  name: string;
  atOnceMax: number;
  queueMax: number;
}): Bounded {
  const { name, atOnceMax, queueMax } = options;
  const queue: (() => void)[] = [];
  let running = 0;

  async function enter(): Promise<void> {
    if (running < atOnceMax) {
      running += 1;
      return;
    }
    if (queue.length >= queueMax) throw new Overloaded();
    // Whoever leaves hands the place over, so `running` stays as it is.
    await new Promise<void>((resolve) => queue.push(resolve));
  }

  function leave(): void {
    const next = queue.shift();
    if (next === undefined) running -= 1;
    else next();
  }

  const bounded: Bounded = {
    async run(work) {
      await enter();
      try {
        const isWanted = remainingMs() > 0 && currentScope()?.cancellation?.cancelled !== true;
        if (!isWanted) throw new DeadlineTooShort();
        return await work();
      } finally {
        leave();
      }
    },
    get running() {
      return running;
    },
    get waiting() {
      return queue.length;
    },
  };
  observeWork(name, bounded);
  return bounded;
}
