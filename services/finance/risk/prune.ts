import type { Clock } from '#kit/clock.ts';
import type { Job } from '#kit/service.ts';
import { limits } from './domain.ts';
import type { VelocityStore } from './store/velocity.ts';

/** Removes the windows of those who have not paid anything for so long that all of them are empty. */
export function createPruning(deps: { velocity: VelocityStore; clock: Clock }): Job {
  const { velocity, clock } = deps;
  return {
    name: 'finance.risk.prune',
    everyMs: limits.pruneEveryMs,
    run: () => velocity.prune(clock.now()),
  };
}
