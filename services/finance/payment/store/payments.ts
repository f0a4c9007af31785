/** Statements that write payments, many at once. */
import { byteaArray } from '#kit/db/arrays.ts';
import { Collision } from '#kit/db/collision.ts';
import type { Database, Tx } from '#kit/db/database.ts';
import type { PaymentRecord } from '../domain/record.ts';
import { refundedMinor } from '../domain.ts';
import type { Scope } from '../store.ts';

export async function begin(
  sql: Database['sql'],
  records: readonly PaymentRecord[],
  scopes: readonly Scope[],
): Promise<Set<string>> {
  const hashes = records.map((r) => r.request!.hash);
  const begun = await sql<{ payment_id: string }[]>`
    insert into payment (payment_id, order_id, user_id, currency, amount_minor, intent, status,
      payment_token, account_id, payee_account_id, transaction_id, request_key, request_hash, due_at, leased_until, epoch, created_at,
      updated_at)
    select payment_id, order_id, user_id, currency, amount_minor, intent, 'PROCESSING', token,
      account_id, payee_account_id, transaction_id, request_key, request_hash, to_timestamp(due_ms / 1000.0),
      to_timestamp(leased_ms / 1000.0), epoch, to_timestamp(created_ms / 1000.0),
      to_timestamp(created_ms / 1000.0)
    from unnest(
      ${records.map((r) => r.paymentId)}::uuid[],
      ${records.map((r) => r.orderId)}::uuid[],
      ${records.map((r) => r.userId ?? null)}::uuid[],
      ${records.map((r) => r.currency)}::text[],
      ${records.map((r) => String(r.amountMinor))}::bigint[],
      ${records.map((r) => r.intent)}::text[],
      ${records.map((r) => r.token ?? null)}::text[],
      ${records.map((r) => r.account?.accountId ?? null)}::uuid[],
      ${records.map((r) => r.account?.payeeAccountId ?? null)}::uuid[],
      ${records.map((r) => r.account?.transactionId ?? null)}::uuid[],
      ${records.map((r) => r.request!.key)}::uuid[],
      ${sql.typed(hashes, byteaArray)},
      ${records.map((r) => String(r.work.dueAt))}::bigint[],
      ${records.map((r) => String(r.work.leasedUntil))}::bigint[],
      ${records.map((r) => String(r.work.epoch))}::integer[],
      ${records.map((r) => String(r.createdAt))}::bigint[],
      ${scopes.map((s) => s.requestId)}::uuid[],
      ${scopes.map((s) => s.scope)}::text[]
    ) as t (payment_id, order_id, user_id, currency, amount_minor, intent, token, account_id,
      payee_account_id, transaction_id, request_key, request_hash, due_ms, leased_ms, epoch, created_ms, request_id, scope)
    where not exists (select from request_log l
      where l.request_id = t.request_id and l.scope = t.scope)
    -- Two processes that begin the same payments wait for each other in one order.
    order by order_id
    on conflict do nothing
    returning payment_id`;
  return new Set(begun.map((row) => row.payment_id));
}

/** Only orders without a payment are written this way; payments begin by `begin`. */
export async function insert(tx: Tx, records: readonly PaymentRecord[]): Promise<void> {
  if (records.length === 0) return;
  const made = await tx`
    insert into payment (payment_id, order_id, currency, amount_minor, intent, status,
      void_requested, version, created_at, updated_at)
    select payment_id, order_id, '', 0, 'NONE', 'VOIDED', true, 1,
      to_timestamp(created_ms / 1000.0), to_timestamp(created_ms / 1000.0)
    from unnest(
      ${records.map((r) => r.paymentId)}::uuid[],
      ${records.map((r) => r.orderId)}::uuid[],
      ${records.map((r) => String(r.createdAt))}::bigint[]
    ) as t (payment_id, order_id, created_ms)
    order by order_id
    on conflict do nothing`;
  if (made.count !== records.length) throw new Collision();
}

/** Together with the commit. */
export function update(database: Database, tx: Tx, records: readonly PaymentRecord[]): void {
  if (records.length === 0) return;
  const statement = tx`
    update payment p set status = t.status, authorized_minor = t.authorized_minor,
      captured_minor = t.captured_minor, refunded_minor = t.refunded_minor,
      decline_code = t.decline_code, void_requested = t.void_requested::boolean,
      is_released = t.is_released::boolean, operation_count = t.operation_count,
      payment_token = case when t.status = 'PROCESSING' and not t.void_requested::boolean
        then p.payment_token end,
      due_at = to_timestamp(t.due_ms / 1000.0),
      leased_until = to_timestamp(t.leased_ms / 1000.0), epoch = t.epoch,
      attempts = t.attempts, version = t.version,
      updated_at = to_timestamp(t.updated_ms / 1000.0)
    from unnest(
      ${records.map((r) => r.paymentId)}::uuid[],
      ${records.map((r) => r.status)}::text[],
      ${records.map((r) => String(r.authorizedMinor))}::bigint[],
      ${records.map((r) => String(r.capturedMinor))}::bigint[],
      ${records.map((r) => String(refundedMinor(r)))}::bigint[],
      ${records.map((r) => r.declineCode)}::text[],
      ${records.map((r) => String(r.voidRequested))}::text[],
      ${records.map((r) => String(r.isReleased))}::text[],
      ${records.map((r) => String(r.operations.length))}::integer[],
      ${records.map((r) => textOf(r.work.dueAt))}::bigint[],
      ${records.map((r) => textOf(r.work.leasedUntil))}::bigint[],
      ${records.map((r) => String(r.work.epoch))}::integer[],
      ${records.map((r) => String(r.work.attempts))}::integer[],
      ${records.map((r) => String(r.version))}::bigint[],
      ${records.map((r) => String(r.updatedAt))}::bigint[]
    ) as t (payment_id, status, authorized_minor, captured_minor, refunded_minor, decline_code,
      void_requested, is_released, operation_count, due_ms, leased_ms, epoch, attempts, version,
      updated_ms)
    where p.payment_id = t.payment_id`;
  database.defer(tx, statement);
}

function textOf(ms: number | undefined): string | null {
  return ms === undefined ? null : String(ms);
}
