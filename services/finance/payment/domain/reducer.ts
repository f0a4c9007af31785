/** What the provider's facts make of a payment. Pure. */
import { assert } from '#kit/errors.ts';
import {
  type Fact,
  limits,
  mustBeUndone,
  type Operation,
  type Payment,
  promise,
  refundConfirmedMinor,
  refundedMinor,
  type Status,
  transitions,
} from '../domain.ts';

/**
 * What a fact did: it changed the payment; or it was known, or overtaken; or it must wait for another fact; or it
 * contradicts what is known, in which case money that it speaks of is given back where that is possible.
 */
export type Verdict = 'APPLIED' | 'STALE' | 'WAITING' | 'ILLEGAL';

type Applied<P extends Payment> = [payment: P, verdict: Verdict];

/** Applies one fact. The same facts in any order the provider may tell them in lead to the same payment. */
export function next<P extends Payment>(payment: P, fact: Fact): Applied<P> {
  const [told, verdict] = tell(payment, fact);
  const settled = settleUp(told);
  // Waiting and illegal facts that changed nothing leave the very same object.
  return [settled === payment ? payment : { ...settled, version: payment.version + 1n }, verdict];
}

function tell<P extends Payment>(payment: P, fact: Fact): Applied<P> {
  switch (fact.kind) {
    case 'authorized':
      return authorized(payment, fact);
    case 'captured':
      return captured(payment, fact);
    case 'declined':
      return declined(payment, fact);
    case 'voided':
      return voided(payment);
    case 'refunded':
      return refunded(payment, fact);
    case 'refused':
      return refused(payment, fact);
  }
}

function authorized<P extends Payment>(payment: P, fact: Fact): Applied<P> {
  if (!isWhatWasAsked(payment, fact)) return [payment, 'ILLEGAL'];
  if (payment.authorizedMinor >= fact.amountMinor) return [payment, 'STALE'];
  const held = { ...payment, authorizedMinor: fact.amountMinor };
  if (payment.status === 'PROCESSING') return [move(held, 'AUTHORIZED'), 'APPLIED'];
  // Declined, and yet there is a hold: nextStep has it given free. The other states come after an authorization.
  return [held, payment.status === 'DECLINED' ? 'ILLEGAL' : 'STALE'];
}

function captured<P extends Payment>(payment: P, fact: Fact): Applied<P> {
  const { status, capturedMinor, authorizedMinor } = payment;
  if (!isWhatWasAsked(payment, fact)) return [payment, 'ILLEGAL'];
  if (capturedMinor > 0n)
    return [payment, capturedMinor === fact.amountMinor ? 'STALE' : 'ILLEGAL'];
  const taken = {
    ...endCaptures(payment, 'DONE', ''),
    capturedMinor: fact.amountMinor,
    // A capture of a part may be told before the authorization of the whole.
    authorizedMinor: authorizedMinor === 0n ? fact.amountMinor : authorizedMinor,
  };
  if (status === 'PROCESSING' || status === 'AUTHORIZED')
    return [move(taken, 'CAPTURED'), 'APPLIED'];
  // Voided or declined, and yet charged: it is written down, and settleUp gives it back.
  return [taken, 'ILLEGAL'];
}

function declined<P extends Payment>(payment: P, fact: Fact): Applied<P> {
  const { status } = payment;
  const declineCode = fact.code;
  if (fact.operation.startsWith('capture:')) {
    if (status !== 'AUTHORIZED') return [payment, status === 'VOIDED' ? 'STALE' : 'ILLEGAL'];
    const ended = { ...endCaptures(payment, 'REFUSED', fact.code), declineCode, isReleased: true };
    return [move(ended, 'VOIDED'), 'APPLIED'];
  }
  if (status === 'PROCESSING') return [move({ ...payment, declineCode }, 'DECLINED'), 'APPLIED'];
  return [payment, status === 'DECLINED' ? 'STALE' : 'ILLEGAL'];
}

function voided<P extends Payment>(payment: P): Applied<P> {
  const { status, isReleased } = payment;
  if (isReleased) return [payment, 'STALE'];
  if (status === 'PROCESSING' || status === 'AUTHORIZED') {
    const released = { ...endCaptures(payment, 'REFUSED', 'voided'), isReleased: true };
    return [move(released, 'VOIDED'), 'APPLIED'];
  }
  if (status === 'DECLINED') return [{ ...payment, isReleased: true }, 'STALE'];
  return [payment, status === 'VOIDED' ? 'STALE' : 'ILLEGAL'];
}

function refunded<P extends Payment>(payment: P, fact: Fact): Applied<P> {
  const { operationId, amountMinor } = refundOf(fact);
  if (fact.currency !== payment.currency || amountMinor === 0n) return [payment, 'ILLEGAL'];
  const known = payment.operations.find((operation) => operation.operationId === operationId);
  if (known?.state === 'DONE') return [payment, 'STALE'];
  // The capture that it gives back was not told yet.
  if (payment.capturedMinor === 0n) return [payment, 'WAITING'];
  if (known?.state === 'PROMISED') {
    if (known.amountMinor !== amountMinor) return [payment, 'ILLEGAL'];
    return [endRefund(payment, { ...known, state: 'DONE' }), 'APPLIED'];
  }
  // Given back by the provider's own hand.
  if (payment.capturedMinor - refundedMinor(payment) < amountMinor) return [payment, 'ILLEGAL'];
  const made = { operationId, kind: 'REFUND', amountMinor, requestHash: '' } as const;
  const ended = { ...made, state: 'DONE', code: '', reason: 'by the provider' } as const;
  return [endRefund(payment, ended), 'APPLIED'];
}

function refused<P extends Payment>(payment: P, fact: Fact): Applied<P> {
  const { operationId } = refundOf(fact);
  const known = payment.operations.find((operation) => operation.operationId === operationId);
  if (known?.state !== 'PROMISED')
    return [payment, known?.state === 'REFUSED' ? 'STALE' : 'ILLEGAL'];
  return [endRefund(payment, { ...known, state: 'REFUSED', code: fact.code }), 'APPLIED'];
}

/** Promises to give back what may not stay with us. */
export function settleUp<P extends Payment>(payment: P): P {
  const owed = payment.capturedMinor - refundedMinor(payment);
  if (owed === 0n || !mustBeUndone(payment)) return payment;
  const count = payment.operations.length;
  if (count >= limits.operationsMax + limits.undosMax) return payment;
  const operationId = undoIdOf(payment.paymentId, count);
  const undo = { operationId, kind: 'REFUND', amountMinor: owed, reason: 'undone' } as const;
  return promise(payment, { ...undo, requestHash: '' });
}

/** The id of a refund that nobody asked for: the payment's own, as version 8, with a number for its last digits. */
function undoIdOf(paymentId: string, n: number): string {
  return `${paymentId.slice(0, 14)}8${paymentId.slice(15, 33)}${n.toString(16).padStart(3, '0')}`;
}

function endCaptures<P extends Payment>(payment: P, state: 'DONE' | 'REFUSED', code: string): P {
  if (payment.operations.length === 0) return payment;
  const operations = payment.operations.map((operation) =>
    operation.kind === 'CAPTURE' && operation.state === 'PROMISED'
      ? { ...operation, state, code }
      : operation,
  );
  return { ...payment, operations };
}

function endRefund<P extends Payment>(payment: P, ended: Operation): P {
  const isKnown = payment.operations.some(({ operationId }) => operationId === ended.operationId);
  const operations = isKnown
    ? payment.operations.map((one) => (one.operationId === ended.operationId ? ended : one))
    : [...payment.operations, ended];
  const after = { ...payment, operations };
  const isAll = after.status === 'CAPTURED' && refundConfirmedMinor(after) === after.capturedMinor;
  return isAll ? move(after, 'REFUNDED') : after;
}

function refundOf({ operation, amountMinor }: Fact) {
  return { operationId: operation.slice('refund:'.length), amountMinor };
}

/** A provider that speaks of another currency, or of another amount than was asked for, is not believed. */
function isWhatWasAsked({ currency, amountMinor, intent }: Payment, fact: Fact): boolean {
  if (fact.currency !== currency) return false;
  const isPart = fact.kind === 'captured' && intent === 'AUTHORIZE';
  return isPart
    ? fact.amountMinor > 0n && fact.amountMinor <= amountMinor
    : fact.amountMinor === amountMinor;
}

function move<P extends Payment>(payment: P, status: Status): P {
  assert(transitions[payment.status].includes(status), `${payment.status} may become ${status}`);
  return { ...payment, status };
}
