import type { Clock } from '../../clock.ts';
import { codes } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { ejections } from '../../telemetry/metrics.ts';
import type { WireStatus } from '../engine.ts';
import { isNotProcessed } from '../status.ts';

/** What the end of a call says of the address that it went to. */
export type Outcome = 'success' | 'fault' | 'neutral';

const faults = new Set<number>([codes.unavailable, codes.internal, codes.unknown, codes.data_loss]);

/** Says nothing: the caller left, or the server protects itself, which the least loaded choice answers already. */
const neutral = new Set<number>([codes.cancelled, codes.resource_exhausted]);

/**
 * Tells a fault from a refusal. Whatever the domain says (NOT_FOUND, FAILED_PRECONDITION and so on, UNIMPLEMENTED too) is
 * an answer. DEADLINE_EXCEEDED is a fault when the call had the method's own time, which the contract promises to be
 * enough, and the caller's impatience otherwise: a call in the middle of a chain has less. A call that never arrived says
 * nothing either, for the state of the connection says it better.
 *
 * Takes what the call was granted and the method's own deadline, both in milliseconds.
 */
export function outcomeOf(wire: WireStatus, grantedMs: number, ownMs: number): Outcome {
  if (wire.code === codes.deadline_exceeded) {
    return grantedMs >= ownMs * ownDeadlineShare ? 'fault' : 'neutral';
  }
  if (neutral.has(wire.code)) return 'neutral';
  if (!faults.has(wire.code)) return 'success';
  return isNotProcessed(wire) ? 'neutral' : 'fault';
}

/** Part of the method's own deadline that still counts as the whole: what it takes to come here. */
const ownDeadlineShare = 0.9;

/** What the calls to one address have shown so far. */
export interface Suspicion {
  /** False while the address is ejected; true for one call at a time while it is on probation. */
  admits(): boolean;
  begin(): void;
  settle(outcome: Outcome): void;
  /** The address is gone and no longer counts. */
  leave(): void;
}

/** Watches all addresses of one target, so that never more than half of them are ejected, and never the last one. */
export interface OutlierDetector {
  join(): Suspicion;
}

/**
 * Ejects an address after limits.faultsInRowMax faults in a row, or when limits.faultShareMax of its calls of one window
 * were faults. The first ejection lasts limits.ejectionMsMin, each further one twice as long, up to limits.ejectionMsMax;
 * a window without one takes one step back. After it the address is on probation: it gets one call at a time, is back
 * after limits.probesMin good ones, and out again with the first fault. A call that began before the ejection and ends on
 * probation counts as a probe: it says as much about the address.
 */
export function createOutlierDetector(options: { target: string; clock: Clock }): OutlierDetector {
  const { target: name, clock } = options;
  const target: Target = {
    clock,
    ejections: ejections.labels({ target: name }),
    joined: 0,
    ejected: 0,
  };
  return { join: () => watchAddress(target) };
}

/** All addresses of one target. */
interface Target {
  readonly clock: Clock;
  readonly ejections: { inc(): void };
  joined: number;
  ejected: number;
}

/** Begins to watch one address, which counts until it leaves. */
function watchAddress(target: Target): Suspicion {
  const { clock } = target;
  let state: 'in' | 'out' | 'probation' = 'in';
  let inRow = 0;
  let windowEndsAt = clock.now() + limits.faultWindowMs;
  let windowCalls = 0;
  let windowFaults = 0;
  /** Ejections in recent time; each doubles the next. */
  let strikes = 0;
  let outUntil = 0;
  let probing = 0;
  let probesPassed = 0;
  target.joined += 1;

  function newWindow() {
    const now = clock.now();
    if (now < windowEndsAt) return;
    // Each whole window that passed without an ejection counts, also one without calls.
    strikes = Math.max(0, strikes - 1 - Math.floor((now - windowEndsAt) / limits.faultWindowMs));
    restartWindow();
  }

  function restartWindow() {
    windowEndsAt = clock.now() + limits.faultWindowMs;
    windowCalls = 0;
    windowFaults = 0;
  }

  function eject() {
    if (state === 'in') {
      if (target.ejected + 1 > Math.floor(target.joined / 2)) return;
      target.ejected += 1;
    }
    state = 'out';
    outUntil = clock.now() + Math.min(limits.ejectionMsMax, limits.ejectionMsMin * 2 ** strikes);
    strikes += 1;
    target.ejections.inc();
  }

  function readmit() {
    target.ejected -= 1;
    state = 'in';
    inRow = 0;
    restartWindow();
  }

  function settleIn(outcome: Outcome) {
    newWindow();
    windowCalls += 1;
    if (outcome === 'success') {
      inRow = 0;
      return;
    }
    inRow += 1;
    windowFaults += 1;
    const isMostlyFaulty =
      windowCalls >= limits.faultWindowCallsMin &&
      windowFaults >= windowCalls * limits.faultShareMax;
    if (inRow >= limits.faultsInRowMax || isMostlyFaulty) eject();
  }

  function settleProbe(outcome: Outcome) {
    probing = Math.max(0, probing - 1);
    if (outcome === 'fault') return eject();
    if (outcome === 'success') probesPassed += 1;
    if (probesPassed >= limits.probesMin) readmit();
  }

  return {
    admits() {
      if (state === 'in') return true;
      if (state === 'out') {
        if (clock.now() < outUntil) return false;
        state = 'probation';
        probing = 0;
        probesPassed = 0;
      }
      return probing === 0;
    },
    begin() {
      if (state === 'probation') probing += 1;
    },
    settle(outcome) {
      if (state === 'probation') settleProbe(outcome);
      else if (state === 'in' && outcome !== 'neutral') settleIn(outcome);
    },
    leave() {
      target.joined -= 1;
      if (state !== 'in') target.ejected -= 1;
    },
  };
}
