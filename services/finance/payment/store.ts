import type { Database, Tx } from '#kit/db/database.ts';
import { Collision } from '#kit/db/request-log.ts';
import { type Fact, limits, type Operation, type Payment, refundedMinor } from './domain.ts';
import type { Verdict } from './reducer.ts';
import { type OperationRow, type PaymentRow, toOperation, toRecord } from './rows.ts';
import type { Work } from './work.ts';

/** A payment with all that belongs to working on it. Times are milliseconds since the epoch. */
export interface PaymentRecord extends Payment {
  /** The provider's token for the card, until the call that needs it is known to have ended. */
  readonly token: string | undefined;
  /** The request that began it: a UUID of caller, method and request id, and what it said. Undefined for a void. */
  readonly request: { readonly key: string; readonly hash: Buffer } | undefined;
  readonly work: Work;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** A fact with where it came from and what it did. */
export interface StoredFact extends Fact {
  source: 'ANSWER' | 'EVENT' | 'LOOKUP';
  eventId: string | undefined;
  verdict: Verdict;
}

export interface Wanted {
  paymentIds: readonly string[];
  orderIds: readonly string[];
  /** Operations that are asked for now, and may have been before, of whichever payment. */
  operationIds: readonly string[];
}

/** An operation, whose it is, and its place among those. */
export interface OwnedOperation {
  paymentId: string;
  position: number;
  operation: Operation;
}

export interface Store {
  /**
   * Begins payments, each unless its request was answered or has begun one, or its order has one. Answers the ids of
   * those that were begun.
   */
  begin(records: readonly PaymentRecord[], scopes: readonly Scope[]): Promise<Set<string>>;
  /** What stood in the way of payments that were not begun: those of the same order or request. */
  findRivals(tx: Tx, records: readonly PaymentRecord[]): Promise<PaymentRecord[]>;
  /** Locks payments in the order of their ids and reads them; unknown ones are left out. */
  lock(tx: Tx, wanted: Wanted): Promise<{ records: PaymentRecord[]; operations: OwnedOperation[] }>;
  /** Throws Collision when an order has got a payment meanwhile. */
  insert(tx: Tx, records: readonly PaymentRecord[]): Promise<void>;
  update(tx: Tx, records: readonly PaymentRecord[]): Promise<void>;
  /** Throws Collision when another process has made one of the operations meanwhile. */
  writeOperations(tx: Tx, operations: readonly OwnedOperation[]): Promise<void>;
  /** Stores facts; of those that are known only a verdict that was still out changes. */
  writeFacts(tx: Tx, facts: readonly StoredFact[]): Promise<void>;
  read(by: 'payment_id' | 'order_id', ids: readonly string[]): Promise<PaymentRecord[]>;
  /** Takes over payments that are due and in nobody's hands, each by one process only. */
  claim(now: number): Promise<PaymentRecord[]>;
  /** Facts that waited for payments which are there now. */
  findWaiting(): Promise<StoredFact[]>;
  /** Payments about which something is still to be done. */
  countDue(): Promise<number>;
}

/** Who asked, and under which id: what the request log knows a request by. */
export interface Scope {
  requestId: string;
  scope: string;
}

export function createStore({ sql }: Database): Store {
  const columns = sql`payment_id, order_id, user_id, currency, amount_minor, intent, status,
    authorized_minor, captured_minor, decline_code, void_requested, is_released, operation_count,
    payment_token, request_key, request_hash, due_at, leased_until, epoch, attempts, version,
    created_at, updated_at`;
  const operationColumns = sql`operation_id, payment_id, kind, amount_minor, state, code, reason,
    request_hash, position`;

  /** Joins payments with their operations; most have none, and then nothing more is read. */
  async function withOperations(
    tx: Tx | typeof sql,
    rows: readonly PaymentRow[],
    operationIds: readonly string[] = [],
  ) {
    const having = rows.filter((row) => row.operation_count > 0).map((row) => row.payment_id);
    const found =
      having.length + operationIds.length === 0
        ? []
        : await tx<OperationRow[]>`
            select ${operationColumns} from operation
            where payment_id = any(${having}::uuid[])
              or operation_id = any(${operationIds as string[]}::uuid[])
            order by payment_id, position`;
    const operations = found.map((row) => ({
      paymentId: row.payment_id,
      position: row.position,
      operation: toOperation(row),
    }));
    const records = rows.map((row) =>
      toRecord(
        row,
        operations.filter((one) => one.paymentId === row.payment_id).map((one) => one.operation),
      ),
    );
    return { records, operations };
  }

  return {
    async begin(records, scopes) {
      const begun = await sql<{ payment_id: string }[]>`
        insert into payment (payment_id, order_id, user_id, currency, amount_minor, intent, status,
          payment_token, request_key, request_hash, due_at, leased_until, epoch, created_at,
          updated_at)
        select payment_id, order_id, user_id, currency, amount_minor, intent, 'PROCESSING', token,
          request_key, request_hash::bytea, to_timestamp(due_ms / 1000.0),
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
          ${records.map((r) => r.request!.key)}::uuid[],
          ${records.map((r) => `\\x${r.request!.hash.toString('hex')}`)}::text[],
          ${records.map((r) => String(r.work.dueAt))}::bigint[],
          ${records.map((r) => String(r.work.leasedUntil))}::bigint[],
          ${records.map((r) => String(r.work.epoch))}::integer[],
          ${records.map((r) => String(r.createdAt))}::bigint[],
          ${scopes.map((s) => s.requestId)}::uuid[],
          ${scopes.map((s) => s.scope)}::text[]
        ) as t (payment_id, order_id, user_id, currency, amount_minor, intent, token, request_key,
          request_hash, due_ms, leased_ms, epoch, created_ms, request_id, scope)
        where not exists (select from request_log l
          where l.request_id = t.request_id and l.scope = t.scope)
        -- Two processes that begin the same payments wait for each other in one order.
        order by order_id
        on conflict do nothing
        returning payment_id`;
      return new Set(begun.map((row) => row.payment_id));
    },

    async findRivals(tx, records) {
      const rows = await tx<PaymentRow[]>`
        select ${columns} from payment
        where order_id = any(${records.map((r) => r.orderId)}::uuid[])
          or request_key = any(${records.map((r) => r.request!.key)}::uuid[])`;
      return (await withOperations(tx, rows)).records;
    },

    async lock(tx, { paymentIds, orderIds, operationIds }) {
      const rows =
        orderIds.length === 0
          ? await tx<PaymentRow[]>`
              select ${columns} from payment where payment_id = any(${paymentIds as string[]}::uuid[])
              order by payment_id for no key update`
          : await tx<PaymentRow[]>`
              select ${columns} from payment where payment_id = any(${paymentIds as string[]}::uuid[])
                or order_id = any(${orderIds as string[]}::uuid[])
              order by payment_id for no key update`;
      return withOperations(tx, rows, operationIds);
    },

    async insert(tx, records) {
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
    },

    async update(tx, records) {
      if (records.length === 0) return;
      await tx`
        update payment p set status = t.status, authorized_minor = t.authorized_minor,
          captured_minor = t.captured_minor, refunded_minor = t.refunded_minor,
          decline_code = t.decline_code, void_requested = t.void_requested::boolean,
          is_released = t.is_released::boolean, operation_count = t.operation_count,
          payment_token = case when t.status = 'PROCESSING' then p.payment_token end,
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
    },

    async writeOperations(tx, operations) {
      if (operations.length === 0) return;
      const written = await tx`
        insert into operation (${operationColumns})
        select * from unnest(
          ${operations.map(({ operation }) => operation.operationId)}::uuid[],
          ${operations.map(({ paymentId }) => paymentId)}::uuid[],
          ${operations.map(({ operation }) => operation.kind)}::text[],
          ${operations.map(({ operation }) => String(operation.amountMinor))}::bigint[],
          ${operations.map(({ operation }) => operation.state)}::text[],
          ${operations.map(({ operation }) => operation.code)}::text[],
          ${operations.map(({ operation }) => operation.reason)}::text[],
          ${operations.map(({ operation }) => operation.requestHash)}::text[],
          ${operations.map(({ position }) => String(position))}::integer[])
        on conflict (operation_id) do update set state = excluded.state, code = excluded.code
        where operation.payment_id = excluded.payment_id`;
      if (written.count !== operations.length) throw new Collision();
    },

    async writeFacts(tx, facts) {
      if (facts.length === 0) return;
      await tx`
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
    },

    async read(by, ids) {
      const rows = await sql<PaymentRow[]>`
        select ${columns} from payment where ${sql(by)} = any(${ids as string[]}::uuid[])`;
      return (await withOperations(sql, rows)).records;
    },

    async claim(now) {
      const leasedUntil = new Date(now + limits.leaseMs);
      const rows = await sql<PaymentRow[]>`
        update payment set leased_until = ${leasedUntil}, epoch = epoch + 1
        where payment_id in (
          select payment_id from payment
          where due_at <= ${new Date(now)}
            and (leased_until is null or leased_until <= ${new Date(now)})
          order by due_at limit ${limits.claimMax} for no key update skip locked)
        returning ${columns}`;
      return (await withOperations(sql, rows)).records;
    },

    async findWaiting() {
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
    },

    async countDue() {
      const [row] = await sql<{ count: bigint }[]>`
        select count(*) as count from payment where due_at is not null`;
      return Number(row!.count);
    },
  };
}

interface FactRow {
  payment_id: string;
  operation: string;
  kind: Fact['kind'];
  amount_minor: bigint;
  currency: string;
  code: string;
  source: StoredFact['source'];
  event_id: string | null;
  verdict: Verdict;
}

function textOf(ms: number | undefined): string | null {
  return ms === undefined ? null : String(ms);
}
