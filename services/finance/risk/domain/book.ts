/** The windows that a batch of checks looks into and changes. Pure. */
import type { Facts } from '../domain.ts';
import { type Claim, subjectsOf } from './claims.ts';
import {
  checkRange,
  countsWith,
  noUsage,
  type Usage,
  withoutPayment,
  withPayment,
} from './usage.ts';
import { noVelocity, type Velocity } from './variables.ts';

/** The usage of all subjects that a batch touches, as it was read under lock. */
export interface Book {
  /** What the windows of the first leg would hold with this transaction. Throws FactsOutOfRange past 64 bits. */
  velocityWith(facts: Facts, claims: readonly Claim[], now: number): Velocity;
  /** Counts a transaction in the windows of all its subjects. */
  reserve(claims: readonly Claim[], now: number): void;
  /** Takes back what was counted at a time: all of the claims, or a part of each that is so large. */
  giveBack(claims: readonly Claim[], at: number, partMinor?: bigint): void;
  /** By subject, as they are to be written. */
  changed(): ReadonlyMap<string, Usage>;
  /** Whether a subject was there before. */
  isKnown(subject: string): boolean;
}

export function openBook(read: ReadonlyMap<string, Usage>): Book {
  const usages = new Map(read);
  const changed = new Map<string, Usage>();
  const usageOf = (subject: string) => usages.get(subject) ?? noUsage;

  function put(subject: string, usage: Usage): void {
    usages.set(subject, usage);
    changed.set(subject, usage);
  }

  return {
    velocityWith({ transactionId, legs: [first] }, claims, now) {
      const counts = claims.map(({ subject, amountMinor }) =>
        countsWith(usageOf(subject), now, amountMinor),
      );
      for (const each of counts) checkRange(each, transactionId);
      const subjects = subjectsOf(first);
      if (subjects === undefined) return noVelocity;
      const of = (wanted: string) => counts[claims.findIndex(({ subject }) => subject === wanted)]!;
      return {
        account: of(subjects.account),
        person: of(subjects.person),
        counterparty: of(subjects.counterparty),
      };
    },
    reserve(claims, now) {
      for (const { subject, amountMinor } of claims) {
        put(subject, withPayment(usageOf(subject), now, amountMinor));
      }
    },
    giveBack(claims, at, partMinor) {
      for (const { subject, amountMinor } of claims) {
        const taken =
          partMinor === undefined ? { count: 1, sum: amountMinor } : { count: 0, sum: partMinor };
        put(subject, withoutPayment(usageOf(subject), at, taken));
      }
    },
    changed: () => changed,
    isKnown: (subject) => read.has(subject),
  };
}
