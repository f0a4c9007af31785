/** A payment's whole world in memory: a provider, drivers that die, calls that get lost. For tests of the domain. */
import { expect } from 'vitest';
import {
  type Fact,
  type Payment,
  refundConfirmedMinor,
  refundedMinor,
  transitions,
} from '../domain.ts';
import { next } from './reducer.ts';
import { requestCapture, requestRefund, requestVoid } from './requests.ts';
import {
  idle,
  isRefusal,
  isTaken,
  nextStep,
  putToWork,
  type Step,
  taken,
  type Work,
  workLeft,
} from './work.ts';

export const amountMinor = 1_000n;
export const currency = 'EUR';
type Driven = Payment & { work: Work };

export function begun(intent: Payment['intent'] = 'CHARGE'): Driven {
  return {
    paymentId: '0198c000-0000-7000-8000-000000000001',
    orderId: '0198c000-0000-7000-8000-000000000002',
    userId: '0198c000-0000-7000-8000-000000000003',
    currency,
    amountMinor,
    intent,
    status: 'PROCESSING',
    authorizedMinor: 0n,
    capturedMinor: 0n,
    declineCode: '',
    voidRequested: false,
    isReleased: false,
    operations: [],
    version: 1n,
    work: idle,
  };
}

export function expectSound(payment: Payment): void {
  const given = refundedMinor(payment);
  expect(given >= 0n && given <= payment.capturedMinor).toBe(true);
  expect(payment.capturedMinor <= payment.authorizedMinor).toBe(true);
  expect(payment.authorizedMinor <= payment.amountMinor).toBe(true);
  for (const operation of payment.operations) expect(operation.amountMinor > 0n).toBe(true);
}

export type Card = 'good' | 'declined' | 'capture_declined' | 'refund_refused';

/** A provider that does each key once and lets a void come before what it voids: a second, naive sandbox. */
function createModelProvider(card: Card) {
  const facts: Fact[] = [];
  const done = new Map<string, Fact>();
  let held: 'none' | 'authorized' | 'captured' | 'declined' | 'voided' = 'none';
  let capturedMinor = 0n;
  let givenMinor = 0n;
  let refusals = 0;

  function say(payment: Payment, of: Pick<Fact, 'operation' | 'kind'>, minor = amountMinor): Fact {
    const { paymentId } = payment;
    const isBad = of.kind === 'declined' || of.kind === 'refused';
    const fact = { ...of, paymentId, amountMinor: minor, currency, code: isBad ? 'no' : '' };
    facts.push(fact);
    return fact;
  }

  function open(payment: Payment, operation: 'charge' | 'authorize'): Fact {
    if (held === 'none') held = card === 'declined' ? 'declined' : 'authorized';
    if (held === 'authorized' && operation === 'charge') {
      held = 'captured';
      capturedMinor = amountMinor;
    }
    return say(payment, { operation, kind: held });
  }

  function follow(payment: Payment, step: Step & { amountMinor: bigint }, operation: string): Fact {
    const minor = step.amountMinor;
    if (step.kind === 'capture') {
      if (held !== 'authorized') return say(payment, { operation, kind: 'declined' }, minor);
      held = card === 'capture_declined' ? 'voided' : 'captured';
      if (held === 'voided') return say(payment, { operation, kind: 'declined' }, minor);
      capturedMinor = minor;
      return say(payment, { operation, kind: 'captured' }, minor);
    }
    // It refuses the first two and then comes to its senses, or compensations would never end.
    const isRefused = card === 'refund_refused' && refusals++ < 2;
    if (isRefused || capturedMinor - givenMinor < minor) {
      return say(payment, { operation, kind: 'refused' }, minor);
    }
    givenMinor += minor;
    return say(payment, { operation, kind: 'refunded' }, minor);
  }

  return {
    facts,
    state: () => ({ held, capturedMinor, givenMinor }),
    /** What comes of a step, the same each time. */
    do(payment: Payment, step: Step): Fact {
      const operation = 'operationId' in step ? `${step.kind}:${step.operationId}` : step.kind;
      const origin = payment.intent === 'CHARGE' ? 'charge' : 'authorize';
      if (step.kind === 'void') {
        if (held === 'none' || held === 'authorized') held = 'voided';
        const minor = held === 'captured' ? capturedMinor : amountMinor;
        return say(payment, { operation: origin, kind: held }, minor);
      }
      const known = done.get(operation);
      if (known) return known;
      const fact = 'amountMinor' in step ? follow(payment, step, operation) : open(payment, origin);
      done.set(operation, fact);
      return fact;
    },
  };
}

/** One world: a payment, its provider, drivers that die and calls that get lost. Each action does one small thing. */
export function createWorld(card: Card, intent: 'CHARGE' | 'AUTHORIZE') {
  let now = 0;
  let payment = putToWork(begun(intent), now);
  const provider = createModelProvider(card);
  const path = [payment.status];
  /** Calls on their way to the provider, and answers on their way back; both may be late or lost. */
  const outward: { step: Step; as: Payment; epoch: number }[] = [
    { step: nextStep(payment)!, as: payment, epoch: 1 },
  ];
  const homeward: { fact: Fact; epoch: number }[] = [];
  let told = 0;

  function put(after: Driven): void {
    expectSound(after);
    expect(refundConfirmedMinor(after) >= refundConfirmedMinor(payment)).toBe(true);
    if (after.status !== payment.status) {
      expect(transitions[payment.status]).toContain(after.status);
      path.push(after.status);
    }
    payment = after;
  }

  function tell(facts: readonly Fact[], holder?: number): void {
    let after = payment;
    for (const fact of facts) {
      const [applied, verdict] = next(after, fact);
      expect(verdict === 'APPLIED' || verdict === 'STALE').toBe(true);
      after = applied;
    }
    const isProgress = after !== payment && !facts.some(isRefusal);
    put({ ...after, work: workLeft(after, { now, isProgress, holder }) });
    const { work } = payment;
    const step = nextStep(payment);
    // Who still holds the lease goes on.
    if (step && holder === work.epoch && isTaken(work, now)) {
      outward.push({ step, as: payment, epoch: holder });
    }
  }

  function ask(change: (before: Driven) => Driven): void {
    let after: Driven;
    try {
      after = putToWork(change(payment), now);
    } catch {
      return;
    }
    const isOurs = after.work.epoch !== payment.work.epoch;
    put(after);
    const step = nextStep(payment);
    if (isOurs && step) outward.push({ step, as: payment, epoch: payment.work.epoch });
  }

  const pick = <Item>(items: Item[], n: number): Item | undefined =>
    items.splice(n % Math.max(1, items.length), 1)[0];

  let asked = 0;
  const operation = (minor: bigint) => {
    asked += 1;
    return { operationId: `op-${asked}`, amountMinor: minor, reason: '', requestHash: '' };
  };

  const actions: ((n: number) => void)[] = [
    function arrive(n) {
      const call = pick(outward, n);
      if (call) homeward.push({ fact: provider.do(call.as, call.step), epoch: call.epoch });
    },
    function answer(n) {
      const answered = pick(homeward, n);
      if (answered) tell([answered.fact], answered.epoch);
    },
    function timeOut() {
      // The driver gives up; its call may still arrive.
      tell([], payment.work.epoch);
    },
    function loseAnswer(n) {
      pick(homeward, n);
    },
    function event(n) {
      // Any fact, however old, however often.
      if (provider.facts.length > 0) tell([provider.facts[n % provider.facts.length]!]);
      told += 1;
    },
    function pass(n) {
      now += (n % 40) * 1_000;
    },
    function takeOver() {
      const { work } = payment;
      if (work.dueAt === undefined || work.dueAt > now || isTaken(work, now)) return;
      put({ ...payment, work: taken(work, now) });
      outward.push({ step: nextStep(payment)!, as: payment, epoch: payment.work.epoch });
    },
    () => ask(requestVoid),
    (n) => ask((before) => requestRefund(before, operation(BigInt(n % 600)))),
    (n) => ask((before) => requestCapture(before, operation(BigInt(n % 1_000)))),
  ];

  return {
    act: ([action, n]: [number, number]) => actions[action % actions.length]!(n),
    /** All calls arrive, all answers and events are heard, and somebody does what is left to do. */
    finish() {
      for (let round = 0; round < 1_000; round += 1) {
        while (outward.length > 0) actions[0]!(0);
        while (homeward.length > 0) actions[1]!(0);
        tell(provider.facts);
        if (nextStep(payment) === undefined) return;
        now += 7_200_000;
        actions[6]!(0);
      }
      throw new Error(`never done: ${path.join(' ')}`);
    },
    provider,
    payment: () => payment,
    path,
    told: () => told,
  };
}
