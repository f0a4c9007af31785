import { limits } from '../limits.ts';
import { observeWork } from '../telemetry/work-gauges.ts';

/** Lets callers of a long chain of coalesced steps in, so that they travel together. */
export interface Admission {
  /** Does the work, with the next group. */
  do<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Callers that wait for their group, and those who were let in and are not through. */
  readonly waiting: number;
  readonly running: number;
}

interface Group {
  readonly size: number;
  readonly beganAt: number;
  through: number;
}

/**
 * Group admission: callers that come while a group is under way begin together, when most of it is through. Work that
 * takes many coalesced steps one after the other is cheap when its callers reach each step together, as one batch. Left
 * alone, callers that come evenly spread over all steps: each step is then always at work on a batch of its few, and
 * batches cost by their number.
 *
 * A caller that comes alone begins at once. No group is waited for longer than limits.admissionMsMax, so one that hangs
 * holds up nobody for long. `name` is for metrics: "commerce.order.admission".
 */
export function createAdmission(name: string): Admission {
  let waiting: ((group: Group) => void)[] = [];
  let running = 0;
  let ahead: Group | undefined;
  /** In the time of `performance.now()`. */
  let opensAt = 0;
  let timer: NodeJS.Timeout | undefined;

  function plan(): void {
    clearTimeout(timer);
    if (waiting.length === 0) return;
    const ms = opensAt - performance.now();
    if (ms > 0) timer = setTimeout(admit, ms);
    // All calls that the same socket read brought are let in together.
    else setImmediate(admit);
  }

  function admit(): void {
    if (waiting.length === 0) return;
    const admitted = waiting;
    const now = performance.now();
    waiting = [];
    opensAt = now + limits.admissionMsMax;
    ahead = { size: admitted.length, beganAt: now, through: 0 };
    running += admitted.length;
    for (const begin of admitted) begin(ahead);
  }

  function leave(group: Group): void {
    running -= 1;
    group.through += 1;
    if (group !== ahead || group.through < group.size * limits.admissionShare) return;
    ahead = undefined;
    const now = performance.now();
    // Those who got their answers may have more to ask.
    const rest = (now - group.beganAt) * limits.admissionRest;
    opensAt = now + Math.min(rest, limits.admissionRestMsMax);
    plan();
  }

  const admission: Admission = {
    async do(work) {
      const group = await new Promise<Group>((resolve) => {
        waiting.push(resolve);
        if (waiting.length === 1) plan();
      });
      try {
        return await work();
      } finally {
        leave(group);
      }
    },
    get waiting() {
      return waiting.length;
    },
    get running() {
      return running;
    },
  };
  observeWork(name, admission);
  return admission;
}
