/** Accounts, transactions and entries: what they are, and what may be asked of them. Pure. */
import type { DomainError } from '#kit/errors.ts';

export const limits = {
  legsMax: 20, // of one transaction, as the contract says
  batchMax: 500, // commands in one transaction of the database: past this a batch only adds latency
  batchesMax: 2, // at once: one is worked out while the other is being committed
  batchMin: 64, // commands for which a batch is worth its fixed cost while another is under way
  foreseenAccountsMax: 20_000, // accounts of which one process remembers what it wrote last
  forecastMsMax: 250, // of waiting for the batch that another was worked out on: far above a commit
  contestedMs: 1_000, // how long an account is locked first after another process wrote it
  eventTransactionsMax: 250, // in one event: far below what the bus takes, also with twenty legs each
  balanceMinorMax: 2n ** 63n - 1n, // what a bigint column holds, either way
  holdSecondsDefault: 7 * 86_400,
  reviewSeconds: 7 * 86_400, // how long an analyst may take; then the money is given free
  fourEyesMajorMin: 100_000n, // whole units of a currency from which on two analysts must approve
  expiryEveryMs: 1_000, // how late a hold may be given free
  readMsMax: 2_000, // as the deadlines of the reads
  pageDefault: 50,
  watchEntriesMax: 500, // entries that a watcher reads at once
  verdictsMsMax: 2_000, // how long risk and compliance are waited for together
  checkEveryMs: 5_000, // how late a fault in what was posted is found, while there are not too many accounts
  checkShareMax: 0.02, // of the time, in which it is looked for
  checkedAccountsMax: 500, // whose new entries are checked in one go
  checkedEntriesDefault: 20_000, // in one go, which is 50 to 100 ms of the database
  violationsMax: 100, // of one check, as the contract says; more are not looked at closer
  knownAccountsMax: 100_000, // accounts of which one process remembers what never changes
} as const;

export type TransactionType = 'TRANSFER' | 'DEPOSIT' | 'WITHDRAWAL' | 'PAYMENT';

export type AccountType = 'CHECKING' | 'SAVINGS' | 'CREDIT' | 'INVESTMENT';

export type AccountStatus = 'ACTIVE' | 'FROZEN' | 'CLOSED';

/** An account as far as it never changes. */
export interface AccountIdentity {
  readonly accountId: string;
  /** Undefined for an account of the system. */
  readonly ownerId: string | undefined;
  /** Undefined for an account of the system. */
  readonly type: AccountType | undefined;
  readonly currency: string;
  /** Milliseconds since the epoch. */
  readonly openedAt: number;
}

/** An account as its last change left it. Amounts are minor units of its currency. */
export interface Account extends AccountIdentity {
  readonly status: AccountStatus;
  /** What posted - held may not fall below; undefined when it may. 0 or less. */
  readonly floor: bigint | undefined;
  /** The sum of its entries. */
  readonly posted: bigint;
  /** What open transactions may still take from it. */
  readonly held: bigint;
  /** What open transactions may still bring to it. */
  readonly incoming: bigint;
  /** The number of its last entry. */
  readonly sequence: bigint;
  /** Grows by one with each batch that changed it; 0 before it is kept. */
  readonly version: bigint;
  /** The change that made it what it is: no two states of an account have the same. Empty before it is kept. */
  readonly changeId: string;
  /** Milliseconds since the epoch. Never decreases, and nor do the times of its entries. */
  readonly updatedAt: number;
}

/** An amount that goes from one account to another. */
export interface Leg {
  readonly sourceId: string;
  readonly destinationId: string;
  /** More than 0. */
  readonly amountMinor: bigint;
  readonly currency: string;
}

/** What one service decided upon a transaction. */
export interface Verdict {
  readonly decisionId: string;
  readonly action: 'ALLOW' | 'REVIEW' | 'DENY';
  /** The content that it was decided upon: see domain/content.ts. */
  readonly contentHash: Buffer;
  readonly ruleSetVersion: bigint;
  readonly findings: readonly Finding[];
  /** From when on it is worth nothing, unless the transaction is kept by then: milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** A rule that spoke against a transaction, and why. */
export interface Finding {
  readonly ruleId: string;
  readonly action: 'ALLOW' | 'REVIEW' | 'DENY';
  readonly explanation: string;
}

/** The verdicts upon one transaction. Compliance is not asked about what risk denies. */
export interface Verdicts {
  readonly risk: Verdict;
  readonly compliance: Verdict | undefined;
}

export type TransactionStatus = 'PENDING' | 'PROCESSING' | 'COMPLETED' | 'FAILED' | 'CANCELLED';

export type FailureReason =
  | 'INSUFFICIENT_FUNDS'
  | 'ACCOUNT_FROZEN'
  | 'ACCOUNT_CLOSED'
  | 'BALANCE_OUT_OF_RANGE'
  | 'DENIED'
  | 'REJECTED'
  | 'VOIDED'
  | 'EXPIRED';

/** What one analyst decided. */
export interface Review {
  readonly reviewerId: string;
  readonly approves: boolean;
  readonly note: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

/** A transaction as its last change left it. */
export interface Transaction {
  readonly transactionId: string;
  readonly type: TransactionType;
  readonly status: TransactionStatus;
  /** What it waits for while it holds money. */
  readonly awaits: 'REVIEW' | 'CAPTURE' | undefined;
  /** Of an authorization, also one that waits for review first; undefined for what moves at once. */
  readonly hold: Hold | undefined;
  /** One or more: the first is what was asked for, the others are fees and splits. */
  readonly legs: readonly Leg[];
  /** What has moved of the first leg. */
  readonly capturedMinor: bigint;
  readonly reference: string;
  /** The user id of who asked; undefined when a service did by itself. */
  readonly initiatorId: string | undefined;
  readonly reversesId: string | undefined;
  readonly reversedById: string | undefined;
  readonly failure: FailureReason | undefined;
  /** Undefined for a reversal, which needs none. */
  readonly verdicts: Verdicts | undefined;
  readonly reviews: readonly Review[];
  /** Milliseconds since the epoch, all three. */
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Undefined while it holds nothing. */
  readonly expiresAt: number | undefined;
}

/** One change of a balance, by one side of one leg. */
export interface Entry {
  readonly accountId: string;
  readonly sequence: bigint;
  readonly transactionId: string;
  readonly deltaMinor: bigint;
  readonly balanceMinor: bigint;
}

/** What somebody wants to be moved, once it is known that it fits its accounts. */
export interface Intent {
  readonly transactionId: string;
  readonly type: TransactionType;
  readonly legs: readonly Leg[];
  readonly reference: string;
  readonly initiator: Initiator;
}

/** Who asks: a person for themselves, a person of the staff, or a service of the mesh by itself. */
export interface Initiator {
  readonly userId: string | undefined;
  readonly mayUseAnyAccount: boolean;
}

/** For how long an authorization holds the money. */
export interface Hold {
  readonly seconds: number;
}

/** What came before the ledger: either the verdicts, or why nobody was asked for one. */
export type Judgement = { verdicts: Verdicts } | { refusal: DomainError<Record<string, string>> };

export type Command =
  | { kind: 'execute'; intent: Intent; judgement: Judgement; hold: Hold | undefined }
  | { kind: 'capture'; transactionId: string; amountMinor: bigint | undefined; by: Initiator }
  | { kind: 'void'; transactionId: string; by: Initiator }
  | {
      kind: 'reverse';
      transactionId: string;
      reversalId: string;
      reference: string;
      by: Initiator;
    }
  | { kind: 'review'; transactionId: string; approves: boolean; note: string; reviewerId: string }
  | { kind: 'expire'; transactionId: string }
  | { kind: 'open'; account: Omit<AccountIdentity, 'openedAt'>; floor: bigint }
  | { kind: 'setStatus'; accountId: string; status: AccountStatus };

/** What a command left of what it names. */
export type Result = { transaction: Transaction } | { account: Account };

/** What can be spent, or undefined when there is no end to it. Minor units. */
export function availableOf({ posted, held, floor }: Account): bigint | undefined {
  return floor === undefined ? undefined : posted - held - floor;
}

/** Whether money is held for a transaction. */
export function isOpen({ status }: Transaction): boolean {
  return status === 'PENDING' || status === 'PROCESSING';
}

/** The accounts of a transaction, each once. */
export function accountIdsOf(legs: readonly Leg[]): string[] {
  const [first] = legs;
  if (legs.length === 1) return [first!.sourceId, first!.destinationId];
  return [...new Set(legs.flatMap(({ sourceId, destinationId }) => [sourceId, destinationId]))];
}

/** The worst that the verdicts demand. */
export function actionOf({ risk, compliance }: Verdicts): Verdict['action'] {
  if (risk.action === 'DENY' || compliance === undefined) return 'DENY';
  if (compliance.action !== 'ALLOW') return compliance.action;
  return risk.action;
}
