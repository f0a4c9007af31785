/** Rows to domain, and back where a column holds more than one thing. */
import type { RowOf } from '#kit/db/row.ts';
import { parseFurtherLegs } from '../domain/content.ts';
import type { Account, Finding, Review, Transaction, Verdict, Verdicts } from '../domain.ts';
import type { account, KeptFinding, transaction } from '../schema.ts';

export type AccountRow = RowOf<typeof account>;

export type TransactionRow = RowOf<typeof transaction>;

export function toAccount(row: AccountRow): Account {
  return {
    accountId: row.account_id,
    ownerId: row.owner_id ?? undefined,
    type: row.type ?? undefined,
    currency: row.currency,
    status: row.status,
    floor: row.floor_minor ?? undefined,
    posted: row.posted_minor,
    held: row.held_minor,
    incoming: row.incoming_minor,
    sequence: row.sequence,
    version: row.version,
    changeId: row.change_id,
    openedAt: row.opened_at.getTime(),
    updatedAt: row.updated_at.getTime(),
  };
}

export function toTransaction(row: TransactionRow): Transaction {
  const first = {
    sourceId: row.source_id,
    destinationId: row.destination_id,
    amountMinor: row.amount_minor,
    currency: row.currency,
  };
  return {
    transactionId: row.transaction_id,
    type: row.type,
    status: row.status,
    awaits: row.awaits ?? undefined,
    hold: row.hold_seconds === null ? undefined : { seconds: row.hold_seconds },
    legs: [first, ...parseFurtherLegs(row.further_legs)],
    capturedMinor: row.captured_minor,
    reference: row.reference,
    initiatorId: row.initiator_id ?? undefined,
    reversesId: row.reverses_id ?? undefined,
    reversedById: row.reversed_by_id ?? undefined,
    failure: row.failure ?? undefined,
    verdicts: toVerdicts(row),
    reviews: row.reviews ?? [],
    createdAt: row.created_at.getTime(),
    updatedAt: row.updated_at.getTime(),
    expiresAt: row.expires_at?.getTime(),
  };
}

function toVerdicts(row: TransactionRow): Verdicts | undefined {
  if (row.risk_decision_id === null) return undefined;
  const expiresAt = row.verdict_expires_at!.getTime();
  const risk: Verdict = {
    decisionId: row.risk_decision_id,
    action: row.risk_action!,
    contentHash: row.risk_hash!,
    ruleSetVersion: row.risk_rules!,
    findings: (row.findings?.risk ?? []).map(toFinding),
    expiresAt,
  };
  if (row.compliance_decision_id === null) return { risk, compliance: undefined };
  const compliance: Verdict = {
    decisionId: row.compliance_decision_id,
    action: row.compliance_action!,
    contentHash: row.compliance_hash!,
    ruleSetVersion: row.compliance_rules!,
    findings: (row.findings?.compliance ?? []).map(toFinding),
    expiresAt,
  };
  return { risk, compliance };
}

function toFinding([ruleId, action, explanation]: KeptFinding): Finding {
  return { ruleId, action, explanation };
}

/** What both found, as JSON; null when that is nothing, which is the rule. */
export function findingsText(verdicts: Verdicts | undefined): string | null {
  const risk = verdicts?.risk.findings ?? [];
  const compliance = verdicts?.compliance?.findings ?? [];
  if (risk.length === 0 && compliance.length === 0) return null;
  return JSON.stringify({ risk: risk.map(toKept), compliance: compliance.map(toKept) });
}

function toKept({ ruleId, action, explanation }: Finding): KeptFinding {
  return [ruleId, action, explanation];
}

/** The reviews as JSON; null when there are none. */
export function reviewsText(reviews: readonly Review[]): string | null {
  return reviews.length === 0 ? null : JSON.stringify(reviews);
}

/** When the first of the verdicts runs out. */
export function verdictExpiry(verdicts: Verdicts | undefined): number | undefined {
  if (verdicts === undefined) return undefined;
  const { risk, compliance } = verdicts;
  return Math.min(risk.expiresAt, compliance?.expiresAt ?? risk.expiresAt);
}
