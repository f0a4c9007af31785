import type { Clock } from '#kit/clock.ts';
import type { Job } from '#kit/service.ts';
import { limits } from './domain.ts';
import type { Keyring } from './keyring.ts';
import type { AttemptStore } from './store/attempts.ts';
import type { SessionStore } from './store/sessions.ts';

/** Rotates the signing key when it is old, and lets go of those that have served. */
export function createKeyJob(keyring: Keyring): Job {
  return {
    name: 'platform.user.keys',
    everyMs: limits.keyCheckEveryMs,
    run: () => keyring.maintain(),
  };
}

/** Removes what is over: repeatable answers, sessions, attempts. */
export function createSweepJob(deps: {
  sessions: SessionStore;
  attempts: AttemptStore;
  clock: Clock;
}): Job {
  const { sessions, attempts, clock } = deps;
  return {
    name: 'platform.user.sweep',
    everyMs: limits.sweepEveryMs,
    run: async () => (await sessions.sweep(clock.now())) + (await attempts.sweep(clock.now())),
  };
}
