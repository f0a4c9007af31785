/**
 * What somebody paid lately, counted in steps: how often and how much in each. A window ends with the step of now and
 * begins so many whole steps before it, so it is never shorter than its name says. Pure.
 */
import { FactsOutOfRange, int64Max } from '../domain.ts';

/** The windows, and the steps that each slides by. */
export const windows = [
  { name: '1h', stepMs: 5 * 60_000, steps: 12 },
  { name: '24h', stepMs: 3_600_000, steps: 24 },
  { name: '30d', stepMs: 24 * 3_600_000, steps: 30 },
] as const;

/** Transactions and their total, in minor units. */
export interface Count {
  readonly count: number;
  readonly sum: bigint;
}

/** What was counted in one step: the number of it since the epoch. */
interface Step extends Count {
  readonly step: number;
}

/** One list of steps for each window, the latest last; steps in which there was nothing are left out. */
export type Usage = readonly (readonly Step[])[];

export const noUsage: Usage = windows.map(() => []);

/** What there is in each window at a time, in milliseconds since the epoch, with a transaction more. */
export function countsWith(usage: Usage, now: number, amountMinor: bigint): Count[] {
  return windows.map(({ stepMs, steps }, i) => {
    const first = Math.floor(now / stepMs) - steps;
    let count = 1;
    let sum = amountMinor;
    for (const each of usage[i]!) {
      if (each.step < first) continue;
      count += each.count;
      sum += each.sum;
    }
    return { count, sum };
  });
}

/** Counts a transaction at a time, and forgets the steps that have left their windows by then. */
export function withPayment(usage: Usage, at: number, amountMinor: bigint): Usage {
  return windows.map(({ stepMs, steps }, i) => {
    const now = Math.floor(at / stepMs);
    const known = usage[i]!;
    const kept =
      known.length === 0 || known[0]!.step >= now - steps
        ? known
        : known.filter(({ step }) => step >= now - steps);
    return withCount(kept, { step: now, count: 1, sum: amountMinor });
  });
}

/** Steps with one more; where clocks differ it need not be the last. */
function withCount(steps: readonly Step[], added: Step): Step[] {
  const at = steps.findLastIndex(({ step }) => step <= added.step);
  const present = steps[at];
  if (present?.step !== added.step) return steps.toSpliced(at + 1, 0, added);
  const { step, count, sum } = present;
  return steps.with(at, { step, count: count + added.count, sum: sum + added.sum });
}

/** Takes back some of what was counted at a time: a whole transaction, or a part of its amount. */
export function withoutPayment(usage: Usage, at: number, taken: Count): Usage {
  return windows.map(({ stepMs }, i) =>
    usage[i]!.map((each) =>
      each.step === Math.floor(at / stepMs)
        ? { ...each, count: each.count - taken.count, sum: each.sum - taken.sum }
        : each,
    ).filter(({ count }) => count > 0),
  );
}

const stepBytes = 16;

/** Usage as it is stored: for each window the number of its steps, then step, count and sum of each. */
export function encodeUsage(usage: Usage): Buffer {
  const steps = usage.reduce((total, each) => total + each.length, 0);
  const bytes = Buffer.allocUnsafe(windows.length + steps * stepBytes);
  let at = 0;
  for (const each of usage) {
    at = bytes.writeUInt8(each.length, at);
    for (const { step, count, sum } of each) {
      at = bytes.writeUInt32LE(step, at);
      at = bytes.writeUInt32LE(count, at);
      at = bytes.writeBigInt64LE(sum, at);
    }
  }
  return bytes;
}

export function decodeUsage(bytes: Buffer): Usage {
  let at = 0;
  return windows.map(() => {
    const length = bytes.readUInt8(at);
    at += 1;
    const steps = Array.from({ length }, (_, i): Step => {
      const place = at + i * stepBytes;
      return {
        step: bytes.readUInt32LE(place),
        count: bytes.readUInt32LE(place + 4),
        sum: bytes.readBigInt64LE(place + 8),
      };
    });
    at += length * stepBytes;
    return steps;
  });
}

/** The last day, counted since the epoch, on which anything of it is in any window; 0 when nothing is. */
export function lastDayOf(usage: Usage): number {
  const [, , days] = usage;
  const last = days!.at(-1);
  return last === undefined ? 0 : last.step + windows[2].steps;
}

/** Today, counted as lastDayOf does. `now` is in milliseconds since the epoch. */
export function dayOf(now: number): number {
  return Math.floor(now / windows[2].stepMs);
}

/** Throws FactsOutOfRange when a total has become too large to be stored. */
export function checkRange(counts: readonly Count[], transactionId: string): void {
  if (counts.every(({ sum }) => sum <= int64Max)) return;
  throw new FactsOutOfRange({ transaction_id: transactionId, field: 'velocity' });
}
