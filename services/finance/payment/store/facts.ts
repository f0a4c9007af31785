/** Statements that keep what the provider said, and what was promised to be asked of it. */

import { Collision } from '#kit/db/collision.ts';
import type { Database, Tx } from '#kit/db/database.ts';
import type { RowOf } from '#kit/db/row.ts';
import type { StoredFact } from '../domain/record.ts';
import { limits } from '../domain.ts';
import type { providerFact } from '../schema.ts';
import type { OwnedOperation } from '../store.ts';

export async function writeOperations(
  tx: Tx,
  operations: readonly OwnedOperation[],
): Promise<void> {
  if (operations.length === 0) return;
  const written = await tx`
    insert into operation (operation_id, payment_id, kind, amount_minor, state, code, reason,
      request_hash, position, settles_in)
    select * from unnest(
      ${operations.map(({ operation }) => operation.operationId)}::uuid[],
      ${operations.map(({ paymentId }) => paymentId)}::uuid[],
      ${operations.map(({ operation }) => operation.kind)}::text[],
      ${operations.map(({ operation }) => String(operation.amountMinor))}::bigint[],
      ${operations.map(({ operation }) => operation.state)}::text[],
      ${operations.map(({ operation }) => operation.code)}::text[],
      ${operations.map(({ operation }) => operation.reason)}::text[],
      ${operations.map(({ operation }) => operation.requestHash)}::text[],
      ${operations.map(({ position }) => String(position))}::integer[],
      ${operations.map(({ settlesIn }) => settlesIn ?? null)}::text[])
    on conflict (operation_id) do update set state = excluded.state, code = excluded.code
    where operation.payment_id = excluded.payment_id`;
  if (written.count !== operations.length) throw new Collision();
}

/** Together with the commit. */
export function writeFacts(database: Database, tx: Tx, facts: readonly StoredFact[]): void {
  if (facts.length === 0) return;
  const statement = tx`
    insert into provider_fact (payment_id, operation, kind, amount_minor, currency, code,
      source, event_id, verdict)
    select * from unnest(
      ${facts.map((f) => f.paymentId)}::uuid[],
      ${facts.map((f) => f.operation)}::text[],
      ${facts.map((f) => f.kind)}::text[],
      ${facts.map((f) => String(f.amountMinor))}::bigint[],
      ${facts.map((f) => f.currency)}::text[],
      ${facts.map((f) => f.code)}::text[],
      ${facts.map((f) => f.source)}::text[],
      ${facts.map((f) => f.eventId ?? null)}::text[],
      ${facts.map((f) => f.verdict)}::text[]
    ) as t (payment_id, operation, kind, amount_minor, currency, code, source, event_id,
      verdict)
    order by payment_id, operation, kind
    on conflict (payment_id, operation, kind) do update set verdict = excluded.verdict
    where provider_fact.verdict = 'WAITING' and excluded.verdict <> 'WAITING'`;
  database.defer(tx, statement);
}

type FactRow = Omit<RowOf<typeof providerFact>, 'created_at'>;

export async function findWaiting(sql: Database['sql']): Promise<StoredFact[]> {
  const rows = await sql<FactRow[]>`
    select f.payment_id, f.operation, f.kind, f.amount_minor, f.currency, f.code, f.source,
      f.event_id, f.verdict
    from provider_fact f join payment p using (payment_id)
    where f.verdict = 'WAITING' order by f.created_at limit ${limits.claimMax}`;
  return rows.map((row) => ({
    paymentId: row.payment_id,
    operation: row.operation,
    kind: row.kind,
    amountMinor: row.amount_minor,
    currency: row.currency,
    code: row.code,
    source: row.source,
    eventId: row.event_id ?? undefined,
    verdict: row.verdict,
  }));
}
