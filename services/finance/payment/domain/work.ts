/** What is still to be done about a payment, and who does it until when. Pure. */
import { type Fact, limits, mustBeUndone, type Payment } from '../domain.ts';

/** The one thing that the provider must be asked next. */
export type Step =
  | { kind: 'charge' | 'authorize' | 'void' }
  | { kind: 'capture' | 'refund'; operationId: string; amountMinor: bigint };

/** Follows from the payment alone, so it never matters who asks, how often, or where the last one died. */
export function nextStep(payment: Payment): Step | undefined {
  const { status, voidRequested, intent, operations } = payment;
  if (status === 'PROCESSING') {
    if (voidRequested) return { kind: 'void' };
    return { kind: intent === 'CHARGE' ? 'charge' : 'authorize' };
  }
  if (isHeld(payment) && mustBeUndone(payment)) return { kind: 'void' };
  const promised = operations.find(({ state }) => state === 'PROMISED');
  if (promised === undefined) return undefined;
  const { operationId, amountMinor } = promised;
  return { kind: promised.kind === 'CAPTURE' ? 'capture' : 'refund', operationId, amountMinor };
}

function isHeld({ authorizedMinor, capturedMinor, isReleased }: Payment): boolean {
  return authorizedMinor > 0n && capturedMinor === 0n && !isReleased;
}

/** The name of what a payment begins with at the provider: voids, captures and refunds are about it. */
export function originOf(payment: Pick<Payment, 'paymentId' | 'intent'>): string {
  return `${payment.paymentId}:${payment.intent === 'CHARGE' ? 'charge' : 'authorize'}`;
}

/** The provider's key of a step: derived from what is done, never from the attempt. */
export function keyOf(payment: Payment, step: Step): string {
  const name = 'operationId' in step ? `${step.kind}:${step.operationId}` : step.kind;
  return `${payment.paymentId}:${name}`;
}

/** When a payment must be looked at, and by whom. Times are milliseconds since the epoch. */
export interface Work {
  /** Undefined when there is nothing to do. */
  readonly dueAt: number | undefined;
  /** Somebody works on it until then. */
  readonly leasedUntil: number | undefined;
  /** Grows with each lease: who holds an older one has lost it. */
  readonly epoch: number;
  /** Steps in a row of which the outcome stayed unknown. */
  readonly attempts: number;
}

export const idle: Work = { dueAt: undefined, leasedUntil: undefined, epoch: 0, attempts: 0 };

/** The work of a payment from now on, in the hands of whoever asked. */
export function taken(work: Work, now: number): Work {
  const { epoch, attempts } = work;
  return { dueAt: now, leasedUntil: now + limits.leaseMs, epoch: epoch + 1, attempts };
}

export function isTaken({ leasedUntil }: Work, now: number): boolean {
  return leasedUntil !== undefined && leasedUntil > now;
}

/**
 * A refund that was refused is no progress, although it changes the payment: one that we owe is promised anew, under
 * another key, and would be refused as often as it is asked for in a row.
 */
export function isRefusal({ kind }: Fact): boolean {
  return kind === 'refused';
}

/**
 * The work that is left after a change. `holder` is the epoch of the lease under which a step was tried: if that is
 * still the present one, its holder goes on, or, when the step came to nothing, rests before anybody tries again.
 */
export function workLeft(
  payment: Payment & { work: Work },
  change: { now: number; isProgress: boolean; holder: number | undefined },
): Work {
  const { work } = payment;
  const { now, isProgress, holder } = change;
  if (nextStep(payment) === undefined) {
    return work.dueAt === undefined ? work : { ...idle, epoch: work.epoch };
  }
  if (holder !== work.epoch) return isProgress ? { ...work, dueAt: now } : work;
  if (isProgress) return { ...work, dueAt: now, leasedUntil: now + limits.leaseMs, attempts: 0 };
  const pauses = limits.retryBackoffMs;
  const pauseMs = pauses[Math.min(work.attempts, pauses.length - 1)]!;
  return { ...work, dueAt: now + pauseMs, leasedUntil: undefined, attempts: work.attempts + 1 };
}

/** A payment with work to do, in the asker's hands unless it is in somebody else's. */
export function putToWork<P extends Payment & { work: Work }>(payment: P, now: number): P {
  const { work } = payment;
  if (nextStep(payment) === undefined) return payment;
  return { ...payment, work: isTaken(work, now) ? { ...work, dueAt: now } : taken(work, now) };
}
