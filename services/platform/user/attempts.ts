import type { Clock } from '#kit/clock.ts';
import type { Sealer } from '#kit/identity/sealer.ts';
import { countAttempt } from './domain/sessions.ts';
import type { AttemptStore } from './store/attempts.ts';

/**
 * The lock-out. An attempt is taken before a password is tested and given back only when it was right, so those in
 * flight count, and a process that dies in between has spent one. It goes by the address alone, known or not: a locked
 * address says nothing about whose it is.
 */
export interface Attempts {
  /** Throws TooManyAttempts. */
  take(email: string): Promise<void>;
  /** After the right password. */
  clear(email: string): Promise<void>;
}

export function createAttempts(deps: {
  store: AttemptStore;
  sealer: Sealer;
  clock: Clock;
}): Attempts {
  const { store, sealer, clock } = deps;
  const subjectOf = (email: string) => sealer.digest('attempt', email);
  return {
    take: (email) => store.take(subjectOf(email), (window) => countAttempt(window, clock.now())),
    clear: (email) => store.clear(subjectOf(email)),
  };
}
