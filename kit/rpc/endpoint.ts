import type { Clock } from '../clock.ts';
import type { Connection } from './engine.ts';
import { type HealthWatch, watchHealth } from './health-watch.ts';
import type { Outcome, Suspicion } from './outlier.ts';

/** Calls and streams are counted apart: a stream mostly waits, and a thousand of them are no load. */
export type Kind = 'call' | 'stream';

/** One address of a service, as the balancer sees it. */
export interface Endpoint {
  readonly connection: Connection;
  /** What is under way there, by kind. */
  readonly inFlight: Readonly<Record<Kind, number>>;
  /** The most calls that were under way there lately. */
  readonly recentPeak: number;
  /** How good it is to call now: the lower, the better; `never` must not be called. */
  rank(): Rank;
  /** Something is sent there. Each `begin` is settled once. */
  begin(kind: Kind): void;
  settle(kind: Kind, outcome: Outcome): void;
  /** Asks the peer how it is, from now on. */
  watch(): void;
  unwatch(): void;
  /** Nothing new is sent there: the connection closes when the last that is under way has ended, and says so. */
  retire(onClosed: () => void): void;
  /** Closes the connection at once. */
  close(): void;
}

/**
 * The order in which addresses are called. Connected and healthy is best; next one that nobody has heard of yet; then
 * one that was ejected, for a suspect that answers is better than nobody; last one that cannot be reached, whose engine
 * says so at once or is just connecting again. A peer that says it is not serving is believed.
 */
export const ranks = { good: 0, unproven: 1, ejected: 2, down: 3, never: 4 } as const;
/** One place in that order. */
export type Rank = (typeof ranks)[keyof typeof ranks];

/** What each further call leaves of the peak: it is forgotten after some dozens. */
const peakKept = 31 / 32;

/** Puts an address under observation: its calls are counted and judged, and its health is followed when asked to. */
export function createEndpoint(options: {
  connection: Connection;
  suspicion: Suspicion;
  clock: Clock;
}): Endpoint {
  const { connection, suspicion, clock } = options;
  const inFlight = { call: 0, stream: 0 };
  let health: 'unknown' | 'serving' | 'not serving' = 'unknown';
  let healthWatch: HealthWatch | undefined;
  let onRetired: (() => void) | undefined;
  let recentPeak = 0;

  function closeWhenIdle() {
    if (onRetired === undefined || inFlight.call + inFlight.stream > 0) return;
    connection.close();
    onRetired();
  }

  return {
    connection,
    inFlight,
    rank() {
      if (health === 'not serving') return ranks.never;
      const { state } = connection;
      if (state === 'failed' || state === 'closed') return ranks.down;
      if (!suspicion.admits()) return ranks.ejected;
      return state === 'ready' && health === 'serving' ? ranks.good : ranks.unproven;
    },
    get recentPeak() {
      return recentPeak;
    },
    begin(kind) {
      inFlight[kind] += 1;
      recentPeak = Math.max(inFlight.call, recentPeak * peakKept);
      suspicion.begin();
    },
    settle(kind, outcome) {
      inFlight[kind] -= 1;
      suspicion.settle(outcome);
      closeWhenIdle();
    },
    watch() {
      healthWatch ??= watchHealth({
        connection,
        clock,
        onStatus(isServing) {
          health = isServing ? 'serving' : 'not serving';
        },
      });
    },
    unwatch() {
      healthWatch?.stop();
      healthWatch = undefined;
      health = 'unknown';
    },
    retire(onClosed) {
      onRetired = onClosed;
      healthWatch?.stop();
      closeWhenIdle();
    },
    close() {
      healthWatch?.stop();
      connection.close();
    },
  };
}
