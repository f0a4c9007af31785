import { byteaArray } from '#kit/db/arrays.ts';
import { asCollision } from '#kit/db/collision.ts';
import type { Database, Tx } from '#kit/db/database.ts';
import { furtherLegsText } from '../domain/content.ts';
import type { Transaction } from '../domain.ts';
import {
  findingsText,
  reviewsText,
  type TransactionRow,
  toTransaction,
  verdictExpiry,
} from './rows.ts';

/** Locks transactions in the order of their ids, before any account; unknown ones are left out. */
export async function lockTransactions(
  tx: Tx,
  transactionIds: readonly string[],
): Promise<Transaction[]> {
  if (transactionIds.length === 0) return [];
  const rows = await tx<TransactionRow[]>`
    select * from transaction where transaction_id = any(${transactionIds as string[]}::uuid[])
    order by transaction_id for no key update`;
  return rows.map(toTransaction);
}

/** Two processes that were asked for the same make the same transaction. */
export function insertTransactions(
  database: Database,
  tx: Tx,
  transactions: readonly Transaction[],
): void {
  if (transactions.length === 0) return;
  const of = <Value>(read: (transaction: Transaction) => Value) => transactions.map(read);
  const bytes = (read: (transaction: Transaction) => Buffer | null) =>
    tx.typed(of(read), byteaArray);
  const statement = tx`
    insert into transaction (transaction_id, type, status, awaits, source_id, destination_id,
      amount_minor, currency, further_legs, captured_minor, reference, initiator_id, hold_seconds,
      reverses_id, reversed_by_id, failure, risk_decision_id, risk_action, risk_rules, risk_hash,
      compliance_decision_id, compliance_action, compliance_rules, compliance_hash,
      verdict_expires_at, findings, reviews, created_at, updated_at, expires_at)
    select transaction_id, type, status, awaits, source_id, destination_id,
      amount_minor, currency, further_legs, captured_minor, reference, initiator_id, hold_seconds,
      reverses_id, reversed_by_id, failure, risk_decision_id, risk_action, risk_rules, risk_hash,
      compliance_decision_id, compliance_action, compliance_rules, compliance_hash,
      to_timestamp(verdict_expires_ms / 1000::float8), findings::jsonb, reviews::jsonb,
      to_timestamp(created_ms / 1000::float8), to_timestamp(updated_ms / 1000::float8),
      to_timestamp(expires_ms / 1000::float8)
    from unnest(
      ${of((t) => t.transactionId)}::uuid[],
      ${of((t) => t.type)}::text[],
      ${of((t) => t.status)}::text[],
      ${of((t) => t.awaits ?? null)}::text[],
      ${of((t) => t.legs[0]!.sourceId)}::uuid[],
      ${of((t) => t.legs[0]!.destinationId)}::uuid[],
      ${of((t) => String(t.legs[0]!.amountMinor))}::bigint[],
      ${of((t) => t.legs[0]!.currency)}::text[],
      ${of((t) => furtherLegsText(t.legs))}::text[],
      ${of((t) => String(t.capturedMinor))}::bigint[],
      ${of((t) => t.reference)}::text[],
      ${of((t) => t.initiatorId ?? null)}::uuid[],
      ${of((t) => t.hold?.seconds ?? null)}::integer[],
      ${of((t) => t.reversesId ?? null)}::uuid[],
      ${of((t) => t.reversedById ?? null)}::uuid[],
      ${of((t) => t.failure ?? null)}::text[],
      ${of((t) => t.verdicts?.risk.decisionId ?? null)}::uuid[],
      ${of((t) => t.verdicts?.risk.action ?? null)}::text[],
      ${of((t) => t.verdicts?.risk.ruleSetVersion?.toString() ?? null)}::bigint[],
      ${bytes((t) => t.verdicts?.risk.contentHash ?? null)},
      ${of((t) => t.verdicts?.compliance?.decisionId ?? null)}::uuid[],
      ${of((t) => t.verdicts?.compliance?.action ?? null)}::text[],
      ${of((t) => t.verdicts?.compliance?.ruleSetVersion?.toString() ?? null)}::bigint[],
      ${bytes((t) => t.verdicts?.compliance?.contentHash ?? null)},
      ${of((t) => verdictExpiry(t.verdicts) ?? null)}::bigint[],
      ${of((t) => findingsText(t.verdicts))}::text[],
      ${of((t) => reviewsText(t.reviews))}::text[],
      ${of((t) => t.createdAt)}::bigint[],
      ${of((t) => t.updatedAt)}::bigint[],
      ${of((t) => t.expiresAt ?? null)}::bigint[]
    ) as t (transaction_id, type, status, awaits, source_id, destination_id,
      amount_minor, currency, further_legs, captured_minor, reference, initiator_id, hold_seconds,
      reverses_id, reversed_by_id, failure, risk_decision_id, risk_action, risk_rules, risk_hash,
      compliance_decision_id, compliance_action, compliance_rules, compliance_hash,
      verdict_expires_ms, findings, reviews, created_ms, updated_ms, expires_ms)
    order by transaction_id`;
  database.defer(tx, statement, asCollision('transaction_pkey'));
}

/** Writes what can change of transactions that are locked. */
export function updateTransactions(
  database: Database,
  tx: Tx,
  transactions: readonly Transaction[],
): void {
  if (transactions.length === 0) return;
  const of = <Value>(read: (transaction: Transaction) => Value) => transactions.map(read);
  const statement = tx`
    update transaction a set status = t.status, awaits = t.awaits,
      captured_minor = t.captured_minor, reversed_by_id = t.reversed_by_id, failure = t.failure,
      reviews = t.reviews::jsonb, updated_at = to_timestamp(t.updated_ms / 1000::float8),
      expires_at = to_timestamp(t.expires_ms / 1000::float8)
    from unnest(
      ${of((t) => t.transactionId)}::uuid[],
      ${of((t) => t.status)}::text[],
      ${of((t) => t.awaits ?? null)}::text[],
      ${of((t) => String(t.capturedMinor))}::bigint[],
      ${of((t) => t.reversedById ?? null)}::uuid[],
      ${of((t) => t.failure ?? null)}::text[],
      ${of((t) => reviewsText(t.reviews))}::text[],
      ${of((t) => t.updatedAt)}::bigint[],
      ${of((t) => t.expiresAt ?? null)}::bigint[]
    ) as t (transaction_id, status, awaits, captured_minor, reversed_by_id, failure, reviews,
      updated_ms, expires_ms)
    where a.transaction_id = t.transaction_id`;
  database.defer(tx, statement);
}
