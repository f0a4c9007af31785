import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Fact,
  mustBeUndone,
  type Payment,
  refundConfirmedMinor,
  refundedMinor,
} from '../domain.ts';
import { next } from './reducer.ts';
import { requestVoid } from './requests.ts';
import { amountMinor, begun, type Card, createWorld, currency, expectSound } from './testing.ts';
import { nextStep } from './work.ts';

const seed = process.env.SEED === undefined ? {} : { seed: Number(process.env.SEED) };

const schedules = fc.array(fc.tuple(fc.nat(9), fc.nat(10_000)), { minLength: 1, maxLength: 60 });
const cards = fc.constantFrom<Card>(
  'good',
  'good',
  'declined',
  'capture_declined',
  'refund_refused',
);
const intents = fc.constantFrom('CHARGE' as const, 'AUTHORIZE' as const);

describe('facts', () => {
  test('in 3,000 schedules of answers, events, time-outs, voids and refunds have one legal end each', () => {
    const ends = new Map<string, number>();
    const property = fc.property(cards, intents, schedules, (card, intent, schedule) => {
      const world = createWorld(card, intent);
      for (const action of schedule) world.act(action);
      world.finish();
      const payment = world.payment();
      const { held, capturedMinor, givenMinor } = world.provider.state();
      // What the provider did is what the payment says.
      expect(payment.capturedMinor).toBe(capturedMinor);
      expect(refundConfirmedMinor(payment)).toBe(givenMinor);
      expect(payment.status).toBe(
        endOf(payment, { held, isAllGiven: capturedMinor === givenMinor }),
      );
      if (mustBeUndone(payment)) expect(capturedMinor).toBe(givenMinor);
      expect(payment.work.dueAt).toBeUndefined();
      ends.set(payment.status, (ends.get(payment.status) ?? 0) + 1);
    });
    fc.assert(property, { numRuns: 3_000, ...seed });
    // The schedules reach every end, or they prove little.
    expect([...ends.keys()].sort()).toEqual(
      ['AUTHORIZED', 'CAPTURED', 'DECLINED', 'REFUNDED', 'VOIDED'].sort(),
    );
  });

  test('of one payment lead to the same payment in any order and number', () => {
    const property = fc.property(
      intents,
      schedules,
      fc.infiniteStream(fc.nat()),
      (intent, schedule, dice) => {
        const world = createWorld('good', intent);
        for (const action of schedule) world.act(action);
        world.finish();
        const end = world.payment();
        const promised = end.operations.map((one) => ({
          ...one,
          state: 'PROMISED' as const,
          code: '',
        }));
        const { voidRequested } = end;
        let payment: Payment = { ...begun(intent), operations: promised, voidRequested };
        const shuffled = world.provider.facts
          .flatMap((fact) => [fact, fact])
          .map((fact) => ({ fact, at: dice.next().value! }))
          .sort((a, b) => a.at - b.at)
          .map(({ fact }) => fact);
        let waiting = shuffled;
        while (waiting.length > 0) {
          const early = waiting.filter((fact) => {
            const [after, verdict] = next(payment, fact);
            payment = after;
            return verdict === 'WAITING';
          });
          expect(early.length).toBeLessThan(waiting.length);
          waiting = early;
        }
        const sums = ({ status, authorizedMinor, capturedMinor }: Payment) => ({
          status,
          authorizedMinor,
          capturedMinor,
        });
        expect(sums(payment)).toEqual(sums(end));
        expect(refundedMinor(payment)).toBe(refundedMinor(end));
      },
    );
    fc.assert(property, { numRuns: 1_000, ...seed });
  });

  test('that contradict each other never break the sums, and what must be undone is promised back', () => {
    const fact = fc.record({
      paymentId: fc.constant(begun().paymentId),
      operation: fc.constantFrom(
        'charge',
        'authorize',
        'capture:op-1',
        'refund:op-2',
        'refund:op-3',
      ),
      kind: fc.constantFrom<Fact['kind']>(
        'authorized',
        'captured',
        'declined',
        'voided',
        'refunded',
        'refused',
      ),
      amountMinor: fc.constantFrom(0n, 1n, 400n, 1_000n, 1_001n),
      currency: fc.constantFrom('EUR', 'EUR', 'USD'),
      code: fc.constant(''),
    });
    const property = fc.property(
      intents,
      fc.array(fact, { maxLength: 30 }),
      fc.nat(30),
      (intent, facts, at) => {
        let payment: Payment = begun(intent);
        facts.forEach((one, i) => {
          if (i === at) payment = requestVoid(payment);
          [payment] = next(payment, one);
          expectSound(payment);
          if (mustBeUndone(payment)) expect(refundedMinor(payment)).toBe(payment.capturedMinor);
        });
      },
    );
    fc.assert(property, { numRuns: 3_000, ...seed });
  });
});

test('a charge that comes after its void was confirmed is given back, and stays voided', () => {
  const fact = {
    paymentId: begun().paymentId,
    amountMinor,
    currency,
    code: '',
    operation: 'charge',
  };
  const [voided] = next(requestVoid(begun()), { ...fact, kind: 'voided' });
  const [charged, verdict] = next(voided, { ...fact, kind: 'captured' });
  expect(verdict).toBe('ILLEGAL');
  expect(charged).toMatchObject({ status: 'VOIDED', capturedMinor: amountMinor });
  expect(nextStep(charged)).toMatchObject({ kind: 'refund', amountMinor });
});

/** Where a payment must end, from what the provider did. */
function endOf(payment: Payment, of: { held: string; isAllGiven: boolean }): Payment['status'] {
  if (of.held === 'captured') return of.isAllGiven ? 'REFUNDED' : 'CAPTURED';
  expect(['authorized', 'declined', 'voided']).toContain(of.held);
  if (of.held === 'authorized') expect(payment.voidRequested).toBe(false);
  return of.held.toUpperCase() as Payment['status'];
}
