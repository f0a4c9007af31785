import { limits } from '../limits.ts';

/** Takes turns at work that nobody waits for. */
export interface Turns {
  /** Rests, and then does the work. One turn at a time. */
  take<Result>(work: () => Promise<Result>): Promise<Result>;
}

/**
 * For relays and consumers: before each turn comes a rest, in which more may arrive, for a turn costs the same for one
 * event and for many. The rest is several times what the last turn took, so that in a process with much to do such work
 * leaves most of the time to what callers wait for; on a quiet one it is short.
 */
export function createTurns(): Turns {
  let restMs: number = limits.restMsMin;
  return {
    async take(work) {
      await new Promise((resolve) => setTimeout(resolve, restMs));
      const startedAt = performance.now();
      try {
        return await work();
      } finally {
        const tookMs = performance.now() - startedAt;
        const { restPerTurn, restMsMin, restMsMax } = limits;
        restMs = Math.min(restMsMax, Math.max(restMsMin, restPerTurn * tookMs));
      }
    },
  };
}
