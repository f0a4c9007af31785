/** One check: what is decided, and what it reserves. Pure. */
import { type Decision, type Facts, limits } from '../domain.ts';
import type { Book } from './book.ts';
import type { Claim } from './claims.ts';
import { decide, type ReadyRuleSet } from './decide.ts';
import { encodeInputs, inputsOf } from './variables.ts';

/** What a transaction holds of the windows until the ledger says what became of it. */
export interface Reservation {
  readonly decisionId: string;
  readonly transactionId: string;
  readonly claims: readonly Claim[];
  /** What a capture may take a part of, in minor units: undefined with several legs, which move together. */
  readonly divisibleMinor: bigint | undefined;
  /** When it was counted: milliseconds since the epoch. */
  readonly reservedAt: number;
  /** When to ask the ledger, if it has not said anything by then. */
  readonly dueAt: number;
}

/** A decision, and what it reserves: nothing where it denies, and of no window where only the system pays. */
export interface Checked {
  readonly decision: Decision;
  readonly reservation: Reservation | undefined;
}

/**
 * A transaction to check: the id that its decision gets, how many before it have lapsed, and the time, in milliseconds
 * since the epoch.
 */
export interface Candidate {
  readonly facts: Facts;
  readonly claims: readonly Claim[];
  readonly decisionId: string;
  readonly renewals: number;
  readonly now: number;
}

/**
 * Decides upon a transaction after those that the book has counted already. Throws FactsOutOfRange, and has changed
 * nothing then.
 */
export function check(
  book: Book,
  ruleSet: ReadyRuleSet,
  { facts, claims, decisionId, renewals, now }: Candidate,
): Checked {
  const inputs = inputsOf(facts, book.velocityWith(facts, claims, now));
  const { action, findings } = decide(ruleSet, inputs);
  const decision: Decision = {
    decisionId,
    transactionId: facts.transactionId,
    contentHash: facts.contentHash,
    action,
    findings,
    ruleSetVersion: ruleSet.version,
    inputs: encodeInputs(inputs),
    decidedAt: now,
    expiresAt: now + limits.verdictMsMax,
    lapsedAt: undefined,
    renewals,
  };
  if (action === 'DENY') return { decision, reservation: undefined };
  book.reserve(claims, now);
  const { transactionId, legs } = facts;
  const divisibleMinor = legs.length === 1 ? legs[0].amountMinor : undefined;
  const dueAt = now + limits.reservationMsMax;
  return {
    decision,
    reservation: { decisionId, transactionId, claims, divisibleMinor, reservedAt: now, dueAt },
  };
}
