/** What compliance knows of transactions, customers and cases, and its limits. Pure: ids and time are arguments. */

export const limits = {
  verdictMsMax: 30_000, // how long a verdict is worth something: longer than the ledger waits for anybody
  findingsMax: 20, // of one verdict, as the contract says
  checkBatchMax: 500, // transactions that are checked by one statement
  checkBatchesMax: 4, // of them at once
  checkMsMax: 2_000, // as the deadline of CheckTransaction
  movementsMax: 24, // kept of one account: less than 1 kB, most of what a check costs is to read it
  rulesMax: 100,
  cycleLengthMax: 6, // transfers in a cycle
  cycleAccountsMax: 64, // accounts that one search reads
  cycleStepsMax: 500, // movements that one search follows
  evidencePerCaseMax: 500,
  journalPerCaseMax: 500,
  casesPageDefault: 50,
  eventCasesMax: 500, // cases in one CaseChanged event
  matchesMax: 20, // entries of the list in one answer
  scoreMin: 80, // percent from which on a match is told of
  reviewScoreMin: 85, // percent from which on a customer's transactions are reviewed
  denyScoreMin: 97, // percent from which on they are denied
  clearedEntriesMax: 100, // entries of the list that analysts found not to be one customer
  listLookMs: 2_000, // how late a new list is noticed
  listBytesMax: 64 * 1024 * 1024, // ten times what OFAC publishes
  listEntriesMax: 200_000,
} as const;

/** What can be done with a transaction; from the mildest to the gravest. */
export const actions = ['ALLOW', 'REVIEW', 'DENY'] as const;

export type Action = (typeof actions)[number];

/** The graver of two. */
export function graver(one: Action, other: Action): Action {
  return actions.indexOf(one) >= actions.indexOf(other) ? one : other;
}

export type TransactionType = 'TRANSFER' | 'DEPOSIT' | 'WITHDRAWAL' | 'PAYMENT';

/** One account of a transaction. */
export interface Party {
  readonly accountId: string;
  /** Empty for an account of the system, of which nothing is kept. */
  readonly ownerId: string;
  /** Milliseconds since the epoch; 0 where it does not matter. */
  readonly openedAt: number;
}

export interface Leg {
  readonly source: Party;
  readonly destination: Party;
  readonly amountMinor: bigint;
  readonly currency: string;
}

/** A transaction, before or after it was posted. */
export interface Transaction {
  readonly transactionId: string;
  readonly type: TransactionType;
  readonly legs: readonly Leg[];
  /** Empty when a service of the mesh did by itself. */
  readonly initiatorId: string;
  /** When it was asked for, or posted: milliseconds since the epoch. */
  readonly at: number;
}

/**
 * Whether rules may stop it. What services do by themselves settles what was decided elsewhere, and a deposit is there
 * already when staff enter it: holding it would only hide it. Both are looked at once they are posted.
 */
export function isStoppable({ type, initiatorId }: Transaction): boolean {
  return type !== 'DEPOSIT' && initiatorId !== '';
}

export type Typology =
  | 'STRUCTURING'
  | 'RAPID_MOVEMENT'
  | 'FAN_IN'
  | 'FAN_OUT'
  | 'CYCLE'
  | 'DORMANT_ACCOUNT'
  | 'SANCTIONS';

/** Something that speaks against a customer. */
export interface Finding {
  readonly ruleId: string;
  /** Absent where no case is to be opened for it: the customer is blocked by one. */
  readonly typology: Typology | undefined;
  readonly action: Action;
  readonly ownerId: string;
  /** For analysts, with figures. */
  readonly explanation: string;
  readonly amountMinor: bigint;
  readonly currency: string;
}

/** What was decided upon one transaction. It is kept when it stops the transaction. */
export interface Decision {
  readonly decisionId: string;
  readonly transactionId: string;
  readonly contentHash: Uint8Array;
  readonly action: Action;
  readonly ruleSetVersion: bigint;
  readonly findings: readonly Finding[];
  /** Milliseconds since the epoch. */
  readonly decidedAt: number;
}

/** What stands against a customer, whatever they do. */
export interface Standing {
  /** What becomes of their transactions because their name is on a list. */
  readonly match: Action;
  /** The case that blocks them; undefined when none does. */
  readonly blockingCaseId: string | undefined;
}
