/** Rules, decisions and what is counted: what they are, and why something is refused. Pure. */
import { DomainError, type FieldViolation } from '#kit/errors.ts';

export const limits = {
  verdictMsMax: 30_000, // a verdict that no posting has used by then is worth nothing
  // From the check until the ledger is asked what came of it. By then it has long been posted if it ever will be by that
  // verdict: a posting that began in time takes 10 s at most, and clocks of servers differ by less than the rest.
  reservationMsMax: 120_000,
  keptAskedAgainMs: 3_600_000, // an authorization or a review may last for weeks, and its event comes by itself
  findingsMax: 20, // of one verdict, as the contract says
  rulesMax: 1_000, // of one set: what a check may cost
  termsMax: 200, // of one condition: the most that it may take to evaluate
  conditionsKnownMax: 4_000, // compiled conditions that one process remembers, about 2 kB each
  compilePieceMax: 50, // conditions that are compiled before other work has its turn: 15 ms
  ruleSetsKnownMax: 16, // versions that one process remembers: a backtest may need some beside the one in force
  batchMax: 500, // checks in one transaction: past this a batch only adds latency
  pageDefault: 50,
  backtestPageMax: 5_000, // decisions that one call makes again
  backtestPieceMax: 250, // of these at a time, so that checks are answered between
  backtestExamplesMax: 20,
  sweepEveryMs: 15_000,
  sweepBatchMax: 500, // below what BatchGetTransactions takes
  pruneEveryMs: 60_000,
  pruneBatchMax: 1_000,
} as const;

/** The largest integer that a condition, a total or a window holds. */
export const int64Max = 2n ** 63n - 1n;

/** The set in force has no such rule. */
export class RuleNotFound extends DomainError<{ rule_id: string }> {
  readonly code = 'not_found';
  readonly reason = 'RULE_NOT_FOUND';
}

/** A condition is none that can be evaluated. Line and column count from 1. */
export class RuleInvalid extends DomainError<{ line: string; column: string }> {
  readonly code = 'invalid_argument';
  readonly reason = 'RULE_INVALID';
  override readonly violations: readonly FieldViolation[];

  constructor(place: { line: number; column: number }, violation: FieldViolation) {
    super({ line: String(place.line), column: String(place.column) });
    this.violations = [violation];
  }
}

/** A set is to get a rule more than limits.rulesMax. */
export class TooManyRules extends DomainError<{ limit: string }> {
  readonly code = 'resource_exhausted';
  readonly reason = 'TOO_MANY_RULES';
}

/** There was no such version. */
export class RuleSetNotFound extends DomainError<{ version: string }> {
  readonly code = 'not_found';
  readonly reason = 'RULE_SET_NOT_FOUND';
}

/** Nobody ever asked about the transaction. */
export class DecisionNotFound extends DomainError<{ transaction_id: string }> {
  readonly code = 'not_found';
  readonly reason = 'DECISION_NOT_FOUND';
}

/** The transaction was decided with another content. */
export class DecisionExists extends DomainError<{ transaction_id: string }> {
  readonly code = 'already_exists';
  readonly reason = 'DECISION_EXISTS';
}

/** An amount is of no currency that there is. */
export class UnknownCurrency extends DomainError<{ currency_code: string }> {
  readonly code = 'invalid_argument';
  readonly reason = 'UNKNOWN_CURRENCY';
}

/** A total or a time does not fit into 64 bits. */
export class FactsOutOfRange extends DomainError<{ transaction_id: string; field: string }> {
  readonly code = 'out_of_range';
  readonly reason = 'FACTS_OUT_OF_RANGE';
}

export type Action = 'ALLOW' | 'REVIEW' | 'DENY';

export type TransactionType = 'TRANSFER' | 'DEPOSIT' | 'WITHDRAWAL' | 'PAYMENT';

/** One account of a transaction; `ownerId` and `accountType` are empty for an account of the system. */
export interface Party {
  readonly accountId: string;
  readonly ownerId: string;
  readonly accountType: '' | 'CHECKING' | 'SAVINGS' | 'CREDIT' | 'INVESTMENT';
  /** Seconds since the epoch. */
  readonly openedAt: bigint;
}

export interface Leg {
  readonly source: Party;
  readonly destination: Party;
  readonly currency: string;
  /** Minor units, more than 0. */
  readonly amountMinor: bigint;
}

/** A transaction to decide upon. */
export interface Facts {
  readonly transactionId: string;
  readonly contentHash: Uint8Array;
  readonly type: TransactionType;
  /** The first is what was asked for, the others are fees and splits. */
  readonly legs: readonly [Leg, ...Leg[]];
  /** Minor units in one unit of the first leg's currency. */
  readonly minorPerUnit: bigint;
  /** Empty when a service asked by itself. */
  readonly initiatorId: string;
  readonly isAuthorization: boolean;
  /** Seconds since the epoch. */
  readonly requestedAt: bigint;
}

/** One rule that spoke against a transaction. */
export interface Finding {
  readonly ruleId: string;
  readonly action: Action;
  readonly explanation: string;
}

/** What rules say of a transaction: the gravest action, and what demands it, the gravest first. */
export interface Judgement {
  readonly action: Action;
  readonly findings: readonly Finding[];
}

/** A judgement as it is kept, with all that it followed from. */
export interface Decision extends Judgement {
  readonly decisionId: string;
  readonly transactionId: string;
  readonly contentHash: Uint8Array;
  readonly ruleSetVersion: bigint;
  /** The values of all variables, see domain/variables.ts. */
  readonly inputs: string;
  /** Milliseconds since the epoch, like expiresAt and lapsedAt. */
  readonly decidedAt: number;
  readonly expiresAt: number;
  /** Since when it counts for nothing, because the ledger never got to the transaction; undefined while it counts. */
  readonly lapsedAt: number | undefined;
  /** How many decisions upon the transaction had lapsed before. */
  readonly renewals: number;
}

export type RuleSetMode = 'FIRST_MATCH' | 'COLLECT_ALL';

/** What a rule says; see RuleContent of the contract. */
export interface RuleContent {
  readonly name: string;
  readonly condition: string;
  readonly action: Action;
  readonly priority: number;
  readonly isEnabled: boolean;
  readonly explanation: string;
}

export interface Rule extends RuleContent {
  readonly ruleId: string;
  /** The version of the set with which it became as it is. */
  readonly ruleSetVersion: bigint;
}

/** One version of all rules, in the order in which they are asked. */
export interface RuleSet {
  readonly version: bigint;
  readonly mode: RuleSetMode;
  readonly rules: readonly Rule[];
}
