import type { Database, Tx } from '#kit/db/database.ts';
import type { PaymentRecord, StoredFact } from './domain/record.ts';
import { limits, type Operation } from './domain.ts';
import { findWaiting, writeFacts, writeOperations } from './store/facts.ts';
import { begin, insert, update } from './store/payments.ts';
import { type OperationRow, type PaymentRow, toOperation, toRecord } from './store/rows.ts';

/** The payments to lock, by their own ids or by those of their orders; empty for none. */
export interface Wanted {
  paymentIds: readonly string[];
  orderIds: readonly string[];
  /** Operations that are asked for now, and may have been before, of whichever payment. */
  operationIds: readonly string[];
}

/** A payment in somebody's hands. */
export interface Lease {
  paymentId: string;
  epoch: number;
}

/** An operation, whose it is, and its place among those. */
export interface OwnedOperation {
  paymentId: string;
  position: number;
  /** The currency of a payment by card: its refunds are to be settled into the ledger. Undefined for others. */
  settlesIn: string | undefined;
  operation: Operation;
}

/**
 * Payments with their operations, and the facts that the provider told. What answers no promise is written together
 * with the commit. `now` is in milliseconds since the epoch.
 */
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
  /** Writes payments that are locked as they became; not their operations, which writeOperations keeps. */
  update(tx: Tx, records: readonly PaymentRecord[]): void;
  /** Throws Collision when another process has made one of the operations meanwhile. */
  writeOperations(tx: Tx, operations: readonly OwnedOperation[]): Promise<void>;
  /** Stores facts; of those that are known only a verdict that was still out changes. */
  writeFacts(tx: Tx, facts: readonly StoredFact[]): void;
  /** Reads payments without a lock, by their own ids or by those of their orders; unknown ones are left out. */
  read(by: 'payment_id' | 'order_id', ids: readonly string[]): Promise<PaymentRecord[]>;
  /** Takes over payments that are due and in nobody's hands, each by one process only. */
  claim(now: number): Promise<PaymentRecord[]>;
  /** Puts off the end of leases that were not lost meanwhile. */
  renew(leases: readonly Lease[], now: number): Promise<void>;
  /** The payments that these transactions of the ledger authorize, by those. */
  findByTransaction(transactionIds: readonly string[]): Promise<Map<string, PaymentRecord>>;
  /**
   * Has payments looked at again between these accounts, in either direction, about which something is still to be done:
   * the outcome may be known now.
   */
  wake(tx: Tx, between: readonly [string, string][], now: number): Promise<void>;
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

/** Keeps them in the schema of `database`, of which each `tx` must be a transaction. */
export function createStore(database: Database): Store {
  const { sql } = database;
  const columns = sql`payment_id, order_id, user_id, currency, amount_minor, intent, status,
    authorized_minor, captured_minor, decline_code, void_requested, is_released, operation_count,
    payment_token, account_id, payee_account_id, transaction_id, request_key, request_hash, due_at, leased_until, epoch, attempts, version,
    created_at, updated_at`;
  const operationColumns = sql`operation_id, payment_id, kind, amount_minor, state, code, reason,
    request_hash, position, settles_in`;

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
      settlesIn: row.settles_in ?? undefined,
      operation: toOperation(row),
    }));
    const byPayment = Map.groupBy(operations, ({ paymentId }) => paymentId);
    const records = rows.map((row) => {
      const own = byPayment.get(row.payment_id) ?? [];
      return toRecord(
        row,
        own.map(({ operation }) => operation),
      );
    });
    return { records, operations };
  }

  return {
    begin: (records, scopes) => begin(sql, records, scopes),

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

    insert,
    update: (tx, records) => update(database, tx, records),
    writeOperations,
    writeFacts: (tx, facts) => writeFacts(database, tx, facts),
    findWaiting: () => findWaiting(sql),

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

    async renew(leases, now) {
      // A row that is being written is left alone: waiting for several could lock them in another order.
      await sql`
        update payment set leased_until = ${new Date(now + limits.leaseMs)}
        where payment_id in (
          select payment_id from payment join unnest(
            ${leases.map(({ paymentId }) => paymentId)}::uuid[],
            ${leases.map(({ epoch }) => String(epoch))}::integer[]
          ) as held (payment_id, epoch) using (payment_id, epoch)
          where leased_until is not null for no key update of payment skip locked)`;
    },

    async findByTransaction(transactionIds) {
      const rows = await sql<PaymentRow[]>`
        select ${columns} from payment
        where transaction_id = any(${transactionIds as string[]}::uuid[])`;
      const { records } = await withOperations(sql, rows);
      return new Map(records.map((record) => [record.account!.transactionId, record]));
    },

    async wake(tx, between, now) {
      const both = [...between, ...between.map(([one, other]) => [other, one] as const)];
      // Also of one in somebody's hands, who may have looked just before: whoever rests begins with the shortest pause.
      await tx`
        update payment set due_at = ${new Date(now)}, attempts = 0
        where payment_id in (
          select payment_id from payment
          where due_at is not null and (account_id, payee_account_id) in (
            select * from unnest(${both.map(([one]) => one)}::uuid[],
              ${both.map(([, other]) => other)}::uuid[]))
          order by payment_id for no key update)`;
    },

    async countDue() {
      const [row] = await sql<{ count: bigint }[]>`
        select count(*) as count from payment where due_at is not null`;
      return Number(row!.count);
    },
  };
}
