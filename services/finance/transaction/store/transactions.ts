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

/** A column of a row that is made: its name, the type in which its values are sent, and where they come from. */
type Column = [
  name: string,
  type: 'uuid' | 'text' | 'bigint' | 'integer' | 'bytea' | 'jsonb' | 'time',
  read: (transaction: Transaction) => string | number | Buffer | null | undefined,
];

const columns: readonly Column[] = [
  ['transaction_id', 'uuid', (t) => t.transactionId],
  ['type', 'text', (t) => t.type],
  ['status', 'text', (t) => t.status],
  ['source_id', 'uuid', (t) => t.legs[0]!.sourceId],
  ['destination_id', 'uuid', (t) => t.legs[0]!.destinationId],
  ['amount_minor', 'bigint', (t) => String(t.legs[0]!.amountMinor)],
  ['currency', 'text', (t) => t.legs[0]!.currency],
  ['captured_minor', 'bigint', (t) => String(t.capturedMinor)],
  ['reference', 'text', (t) => t.reference],
  ['initiator_id', 'uuid', (t) => t.initiatorId],
  ['risk_decision_id', 'uuid', (t) => t.verdicts?.risk.decisionId],
  ['risk_action', 'text', (t) => t.verdicts?.risk.action],
  ['risk_rules', 'bigint', (t) => t.verdicts?.risk.ruleSetVersion?.toString()],
  ['risk_hash', 'bytea', (t) => t.verdicts?.risk.contentHash],
  ['compliance_decision_id', 'uuid', (t) => t.verdicts?.compliance?.decisionId],
  ['compliance_action', 'text', (t) => t.verdicts?.compliance?.action],
  ['compliance_rules', 'bigint', (t) => t.verdicts?.compliance?.ruleSetVersion?.toString()],
  ['compliance_hash', 'bytea', (t) => t.verdicts?.compliance?.contentHash],
  ['verdict_expires_at', 'time', (t) => verdictExpiry(t.verdicts)],
  ['created_at', 'time', (t) => t.createdAt],
  ['updated_at', 'time', (t) => t.updatedAt],
];

/** Nothing is in these of transactions that are posted at once and without a finding, which is most of them. */
const seldomColumns: readonly Column[] = [
  ['awaits', 'text', (t) => t.awaits],
  ['further_legs', 'text', (t) => furtherLegsText(t.legs)],
  ['hold_seconds', 'integer', (t) => t.hold?.seconds],
  ['reverses_id', 'uuid', (t) => t.reversesId],
  ['reversed_by_id', 'uuid', (t) => t.reversedById],
  ['failure', 'text', (t) => t.failure],
  ['findings', 'jsonb', (t) => findingsText(t.verdicts)],
  ['reviews', 'jsonb', (t) => reviewsText(t.reviews)],
  ['expires_at', 'time', (t) => t.expiresAt],
];

const insertUsual = insertOf(columns);
const insertAny = insertOf([...columns, ...seldomColumns]);

/** The statement that makes rows, and its parameters. */
function insertOf(made: readonly Column[]) {
  const names = made.map(([name]) => name).join(', ');
  const values = made.map(([name, type]) => {
    if (type === 'time') return `to_timestamp(${name} / 1000::float8)`;
    return type === 'jsonb' ? `${name}::jsonb` : name;
  });
  const arrays = made.map(([, type], i) => {
    const sent = type === 'time' ? 'bigint' : type === 'jsonb' ? 'text' : type;
    return `$${i + 1}::${sent}[]`;
  });
  const text = `insert into transaction (${names}) select ${values.join(', ')}
    from unnest(${arrays.join(', ')}) as t (${names}) order by transaction_id`;
  return {
    text,
    parametersOf: (tx: Tx, transactions: readonly Transaction[]) =>
      made.map(([, type, read]) => {
        const column = transactions.map((each) => read(each) ?? null);
        return type === 'bytea' ? tx.typed(column as Buffer[], byteaArray) : column;
      }),
  };
}

/** Two processes that were asked for the same make the same transaction. */
export function insertTransactions(
  database: Database,
  tx: Tx,
  transactions: readonly Transaction[],
): void {
  if (transactions.length === 0) return;
  const isUsual = transactions.every((each) => seldomColumns.every(([, , read]) => !read(each)));
  const { text, parametersOf } = isUsual ? insertUsual : insertAny;
  const statement = tx.unsafe(text, parametersOf(tx, transactions) as never[], { prepare: true });
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
