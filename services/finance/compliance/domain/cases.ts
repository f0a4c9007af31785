/** Cases: what analysts do to them, and what they may. Pure. */
import { limits, type Typology } from '../domain.ts';
import { CaseFull, CaseNotConfirmed, CaseNotOpen, CustomerNotBlocked } from './refusals.ts';

export type CaseState = 'OPEN' | 'DISMISSED' | 'CONFIRMED' | 'REPORTED';

export type JournalKind =
  | 'OPENED'
  | 'ASSIGNED'
  | 'NOTE'
  | 'EVIDENCE'
  | 'DISMISSED'
  | 'CONFIRMED'
  | 'BLOCKED'
  | 'UNBLOCKED'
  | 'REPORTED';

/** What speaks against one customer, of one typology. */
export interface Case {
  readonly caseId: string;
  readonly ownerId: string;
  readonly typology: Typology;
  readonly state: CaseState;
  /** Empty for nobody. */
  readonly assigneeId: string;
  readonly evidenceCount: number;
  /** How many more there were than limits.evidencePerCaseMax. */
  readonly omittedCount: number;
  readonly journalCount: number;
  readonly blocksCustomer: boolean;
  /** 0n before there is one. */
  readonly reportNumber: bigint;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** One transaction, or one match of a list, that speaks against a customer. */
export interface Evidence {
  /** Undefined for a match of a list. */
  readonly transactionId: string | undefined;
  /** Empty for what staff added and for matches. */
  readonly ruleId: string;
  readonly explanation: string;
  /** Undefined for what staff added and for matches. */
  readonly amount: { readonly amountMinor: bigint; readonly currency: string } | undefined;
  /** Empty for what the service found. */
  readonly staffId: string;
  /** Milliseconds since the epoch. */
  readonly occurredAt: number;
}

/** One thing that was done to a case. */
export interface JournalEntry {
  readonly kind: JournalKind;
  /** Empty for the service. */
  readonly staffId: string;
  readonly text: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

/** What an analyst does to a case. */
export type CaseCommand =
  | { readonly kind: 'assign'; readonly assigneeId: string }
  | { readonly kind: 'note'; readonly text: string }
  | { readonly kind: 'evidence'; readonly text: string; readonly transactionIds: readonly string[] }
  | {
      readonly kind: 'resolve';
      readonly outcome: 'DISMISSED' | 'CONFIRMED';
      readonly blocksCustomer: boolean;
      readonly text: string;
    }
  | { readonly kind: 'unblock'; readonly text: string }
  | { readonly kind: 'report' };

/** Who does it, and when. */
export interface Author {
  readonly staffId: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** A case after a command, and what goes into its journal. */
export interface Applied {
  readonly after: Case;
  readonly entry: JournalEntry;
}

/** Applies one command to a case that is locked. Throws the DomainError of a command that is refused. */
export function applyCommand(before: Case, command: CaseCommand, author: Author): Applied {
  const { kind, text, change } = effectOf(before, command);
  if (before.journalCount >= limits.journalPerCaseMax) {
    throw new CaseFull({ case_id: before.caseId, limit: String(limits.journalPerCaseMax) });
  }
  const { staffId, now } = author;
  return {
    after: { ...before, ...change, journalCount: before.journalCount + 1, updatedAt: now },
    entry: { kind, staffId, text, createdAt: now },
  };
}

function effectOf(
  before: Case,
  command: CaseCommand,
): { kind: JournalKind; text: string; change: Partial<Case> } {
  switch (command.kind) {
    case 'assign':
      checkOpen(before);
      return {
        kind: 'ASSIGNED',
        text: command.assigneeId,
        change: { assigneeId: command.assigneeId },
      };
    case 'note':
      checkWritable(before);
      return { kind: 'NOTE', text: command.text, change: {} };
    case 'evidence':
      checkWritable(before);
      return { kind: 'EVIDENCE', text: command.text, change: {} };
    case 'resolve':
      checkOpen(before);
      return resolve(before, command);
    case 'unblock':
      if (!before.blocksCustomer) throw new CustomerNotBlocked({ case_id: before.caseId });
      return { kind: 'UNBLOCKED', text: command.text, change: { blocksCustomer: false } };
    case 'report':
      if (before.state !== 'CONFIRMED') {
        throw new CaseNotConfirmed({ case_id: before.caseId, state: before.state });
      }
      return { kind: 'REPORTED', text: '', change: { state: 'REPORTED' } };
  }
}

/** Whoever is on the sanctions list is blocked, whether or not the analyst says so. */
function resolve({ typology }: Case, command: CaseCommand & { kind: 'resolve' }) {
  const { outcome, text } = command;
  const isListed = typology === 'SANCTIONS' && outcome === 'CONFIRMED';
  const blocksCustomer = command.blocksCustomer || isListed;
  const kind = blocksCustomer ? ('BLOCKED' as const) : outcome;
  return { kind, text, change: { state: outcome, blocksCustomer } };
}

/** Throws CaseFull when so many transactions more are too many. */
export function checkRoom({ caseId, evidenceCount }: Case, more: number): void {
  if (evidenceCount + more > limits.evidencePerCaseMax) {
    throw new CaseFull({ case_id: caseId, limit: String(limits.evidencePerCaseMax) });
  }
}

function checkOpen({ caseId, state }: Case): void {
  if (state !== 'OPEN') throw new CaseNotOpen({ case_id: caseId, state });
}

/** What is confirmed is still written to until its report is made, which is made of it. */
function checkWritable({ caseId, state }: Case): void {
  if (state !== 'OPEN' && state !== 'CONFIRMED') throw new CaseNotOpen({ case_id: caseId, state });
}

/** A report of what was found, as FinCEN asks for it. */
export interface Report {
  readonly reportNumber: bigint;
  readonly caseId: string;
  readonly ownerId: string;
  readonly typology: Typology;
  /** The first and the last evidence: milliseconds since the epoch. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** One for each currency, in order. */
  readonly amounts: readonly { readonly amountMinor: bigint; readonly currency: string }[];
  readonly evidence: readonly Evidence[];
  readonly filerId: string;
  readonly createdAt: number;
  readonly narrative: string;
}

/** Makes the report of a case: what was found, then what analysts wrote, in order. */
export function makeReport(
  found: Case,
  { evidence, journal }: { evidence: readonly Evidence[]; journal: readonly JournalEntry[] },
  reportNumber: bigint,
  { staffId, now }: Author,
): Report {
  const { caseId, ownerId, typology, createdAt } = found;
  const times = evidence.map(({ occurredAt }) => occurredAt);
  return {
    reportNumber,
    caseId,
    ownerId,
    typology,
    startedAt: Math.min(createdAt, ...times),
    endedAt: Math.max(...(times.length > 0 ? times : [createdAt])),
    amounts: sumsOf(evidence),
    evidence,
    filerId: staffId,
    createdAt: now,
    narrative: [...evidence.map(lineOf), ...journal.flatMap(noteOf)].join('\n'),
  };
}

/** A transaction that two rules found counts once. */
function sumsOf(evidence: readonly Evidence[]): Report['amounts'] {
  const sums = new Map<string, bigint>();
  const seen = new Set<string>();
  for (const { transactionId, amount } of evidence) {
    if (amount === undefined || transactionId === undefined || seen.has(transactionId)) continue;
    seen.add(transactionId);
    sums.set(amount.currency, (sums.get(amount.currency) ?? 0n) + amount.amountMinor);
  }
  return [...sums]
    .map(([currency, amountMinor]) => ({ currency, amountMinor }))
    .sort((one, other) => (one.currency < other.currency ? -1 : 1));
}

function lineOf({ occurredAt, transactionId, explanation }: Evidence): string {
  const what = transactionId === undefined ? '' : `transaction ${transactionId}: `;
  return `${new Date(occurredAt).toISOString()} ${what}${explanation}`;
}

function noteOf({ kind, text, createdAt }: JournalEntry): string[] {
  if (text === '' || kind === 'ASSIGNED') return [];
  return [`${new Date(createdAt).toISOString()} ${kind}: ${text}`];
}
