import type { Clock } from '../../clock.ts';
import type { Connection } from '../engine.ts';
import { type HealthWatch, type PeerHealth, watchHealth } from './health-watch.ts';
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
  /** How good it is to call now: the lower, the better. */
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
 * one that was ejected, for a suspect that answers is better than nobody. A peer that says it is not serving is believed
 * while another says that it does. When none does they are called all the same: what they all miss, such as the bus, is
 * not needed by every call, and to refuse everything helps nobody (the panic mode of Envoy). Then one that cannot be
 * reached, whose engine says so at once or is just connecting again, and a suspect that does not serve either. Last one
 * that drains: it refuses what is new. `none` is no address.
 */
export const ranks = {
  good: 0,
  unproven: 1,
  ejected: 2,
  notServing: 3,
  down: 4,
  draining: 5,
  none: 6,
} as const;
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
  let health: PeerHealth | 'unknown' = 'unknown';
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
      const { state } = connection;
      if (health === 'draining') return ranks.draining;
      if (state === 'failed' || state === 'closed') return ranks.down;
      const isSuspect = !suspicion.admits();
      if (health === 'not serving') return isSuspect ? ranks.down : ranks.notServing;
      if (isSuspect) return ranks.ejected;
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
        onHealth(now) {
          health = now;
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
