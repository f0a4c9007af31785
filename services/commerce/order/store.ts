import { asCollision } from '#kit/db/collision.ts';
import type { Database, Tx } from '#kit/db/database.ts';
import type { RowOf } from '#kit/db/row.ts';
import { type Line, limits, type Order } from './domain.ts';
import type { customerOrder, LineRow } from './schema.ts';

/** An order with what its saga needs: the request that began it, and the token to pay with. */
export interface Saga {
  readonly order: Order;
  readonly requestId: string;
  readonly requestHash: Buffer;
  /** Undefined once the payment is settled. */
  readonly paymentToken: string | undefined;
  /** The account that pays when no card does. */
  readonly accountId: string | undefined;
  /** Until when others leave it alone, in milliseconds since the epoch; absent before it is written and when it is done. */
  readonly leaseUntil?: number | undefined;
}

/**
 * Orders, and how far the saga of each is. Who decides about one has locked it. `now` is in milliseconds since the
 * epoch.
 */
export interface Store {
  /**
   * Keeps requests from being refused here and obeyed elsewhere at the same moment: orders and refusals lie in two tables,
   * which share no key. Who begins orders does so beside others, who refuses requests does so alone, each until its
   * transaction ends; so it comes before all else in it.
   */
  admit(tx: Tx, isRefusing: boolean): Promise<void>;
  /** Locks orders by id, in id order, and reads them; unknown ones are left out. */
  lock(tx: Tx, orderIds: readonly string[]): Promise<Map<string, Saga>>;
  /** The orders that these requests of these people began, by "<user> <request>". */
  findByRequest(
    tx: Tx,
    requests: readonly { userId: string; requestId: string }[],
  ): Promise<Map<string, Saga>>;
  /** Together with the commit, which throws Collision when one of the requests has begun an order meanwhile. */
  insert(tx: Tx, sagas: readonly Saga[]): void;
  /** Writes what may change, together with the commit: status, step and what belongs to them, and the lease. */
  update(tx: Tx, sagas: readonly Saga[]): void;
  /** Reads orders by id; unknown ones are left out. */
  read(orderIds: readonly string[]): Promise<Map<string, Order>>;
  /** Newest first, from below `before`; of one person, or of all. */
  list(userId: string | undefined, before: string | undefined, limit: number): Promise<Order[]>;
  /** Takes over at most `limit` sagas whose driver let its lease run out, each by one process only. */
  takeOver(now: number, limit: number): Promise<Saga[]>;
  /** Ends leases at once, for drivers that stop: others need not wait. */
  handBack(orderIds: readonly string[]): Promise<void>;
  /** How many sagas are not done. */
  countOpen(): Promise<number>;
}

type Row = RowOf<typeof customerOrder>;

/** Keeps them in the schema of `database`, of which each `tx` must be a transaction. */
export function createStore(database: Database): Store {
  const { sql } = database;
  const columns = sql`order_id, user_id, request_id, request_hash, status, step, lines, currency,
    total_minor, address, payment_token, account_id, payment_id, cancel_reason, cancel_detail, tracking_code,
    version, lease_until, created_at, updated_at`;

  return {
    async admit(tx, isRefusing) {
      const key = `requests ${database.schema}`;
      if (isRefusing) await tx`select pg_advisory_xact_lock(hashtextextended(${key}, 0))`;
      else await tx`select pg_advisory_xact_lock_shared(hashtextextended(${key}, 0))`;
    },

    async lock(tx, orderIds) {
      if (orderIds.length === 0) return new Map();
      const rows = await tx<Row[]>`
        select ${columns} from customer_order
        where order_id = any(${orderIds as string[]}::uuid[])
        order by order_id for no key update`;
      return new Map(rows.map((row) => [row.order_id, toSaga(row)]));
    },

    async findByRequest(tx, requests) {
      if (requests.length === 0) return new Map();
      const rows = await tx<Row[]>`
        select ${columns} from customer_order
        where (user_id, request_id) in (
          select * from unnest(
            ${requests.map((r) => r.userId)}::uuid[], ${requests.map((r) => r.requestId)}::uuid[]))`;
      return new Map(rows.map((row) => [`${row.user_id} ${row.request_id}`, toSaga(row)]));
    },

    insert(tx, sagas) {
      const onError = asCollision('customer_order_user_id_request_id_key');
      database.deferRows(tx, insertRows, sagas, onError);
    },

    update: (tx, sagas) => database.deferRows(tx, updateRows, sagas),

    async read(orderIds) {
      const rows = await sql<Row[]>`
        select ${columns} from customer_order
        where order_id = any(${orderIds as string[]}::uuid[])`;
      return new Map(rows.map((row) => [row.order_id, toSaga(row).order]));
    },

    async list(userId, before, limit) {
      const rows = await sql<Row[]>`
        select ${columns} from customer_order
        where ${userId === undefined ? sql`true` : sql`user_id = ${userId}`}
          and ${before === undefined ? sql`true` : sql`order_id < ${before}`}
        order by order_id desc limit ${limit}`;
      return rows.map((row) => toSaga(row).order);
    },

    async takeOver(now, limit) {
      const rows = await sql<Row[]>`
        update customer_order set lease_until = ${new Date(now + limits.leaseMs)}
        where order_id in (
          select order_id from customer_order
          where lease_until <= ${new Date(now)}
          order by lease_until limit ${limit} for update skip locked)
        returning ${columns}`;
      return rows.map(toSaga);
    },

    async handBack(orderIds) {
      await sql`
        update customer_order set lease_until = created_at
        where order_id = any(${orderIds as string[]}::uuid[]) and lease_until is not null`;
    },

    async countOpen() {
      const [row] = await sql<{ count: bigint }[]>`
        select count(*) as count from customer_order where lease_until is not null`;
      return Number(row!.count);
    },
  };
}

function toInsert({ order, requestId, requestHash, paymentToken, accountId, leaseUntil }: Saga) {
  return {
    order_id: order.orderId,
    user_id: order.userId,
    request_id: requestId,
    request_hash: `\\x${requestHash.toString('hex')}`,
    status: order.status,
    step: order.step,
    lines: JSON.stringify(order.lines.map(toLineRow)),
    currency: order.currency,
    total_minor: String(order.totalMinor),
    address: JSON.stringify(order.address),
    payment_token: paymentToken,
    account_id: accountId,
    lease_ms: leaseUntil,
    created_ms: order.createdAt,
  };
}

function toLineRow({ sku, productId, title, quantity, unitMinor }: Line): LineRow {
  // Units are at most limits.unitsPerSkuMax; prices stay text, for JSON numbers are doubles.
  return [sku, productId, title, Number(quantity), String(unitMinor)];
}

function toSaga(row: Row): Saga {
  return {
    requestId: row.request_id,
    requestHash: row.request_hash,
    paymentToken: row.payment_token ?? undefined,
    accountId: row.account_id ?? undefined,
    leaseUntil: row.lease_until?.getTime(),
    order: {
      orderId: row.order_id,
      userId: row.user_id,
      lines: row.lines.map(([sku, productId, title, units, unitMinor]) => ({
        sku,
        productId,
        title,
        quantity: BigInt(units),
        unitMinor: BigInt(unitMinor),
      })),
      currency: row.currency,
      totalMinor: row.total_minor,
      status: row.status,
      step: row.step,
      cancelReason: row.cancel_reason ?? undefined,
      cancelDetail: row.cancel_detail,
      paymentId: row.payment_id ?? undefined,
      trackingCode: row.tracking_code,
      address: row.address,
      version: row.version,
      createdAt: row.created_at.getTime(),
      updatedAt: row.updated_at.getTime(),
    },
  };
}

function insertRows(tx: Tx, sagas: readonly Saga[]) {
  const rows = sagas.map(toInsert);
  return tx`
    insert into customer_order (order_id, user_id, request_id, request_hash, status, step,
      lines, currency, total_minor, address, payment_token, account_id, lease_until, created_at,
      updated_at)
    select order_id, user_id, request_id, request_hash::bytea, status, step, lines::jsonb,
      currency, total_minor, address::jsonb, payment_token, account_id, to_timestamp(lease_ms / 1000.0),
      to_timestamp(created_ms / 1000.0), to_timestamp(created_ms / 1000.0)
    from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) as t (order_id uuid,
      user_id uuid, request_id uuid, request_hash text, status text, step text, lines text,
      currency text, total_minor bigint, address text, payment_token text, account_id uuid, lease_ms bigint,
      created_ms bigint)
    order by user_id, request_id`;
}

function updateRows(tx: Tx, sagas: readonly Saga[]) {
  const orders = sagas.map((saga) => saga.order);
  return tx`
    update customer_order o set status = t.status, step = t.step, version = t.version,
      payment_id = t.payment_id, payment_token = t.payment_token,
      cancel_reason = t.cancel_reason, cancel_detail = t.cancel_detail,
      tracking_code = t.tracking_code, updated_at = to_timestamp(t.updated_ms / 1000.0),
      lease_until = to_timestamp(t.lease_ms / 1000.0)
    from unnest(
      ${orders.map((o) => o.orderId)}::uuid[],
      ${orders.map((o) => o.status)}::text[],
      ${orders.map((o) => o.step)}::text[],
      ${orders.map((o) => String(o.version))}::bigint[],
      ${orders.map((o) => o.paymentId ?? null)}::uuid[],
      ${sagas.map((s) => s.paymentToken ?? null)}::text[],
      ${orders.map((o) => o.cancelReason ?? null)}::text[],
      ${orders.map((o) => o.cancelDetail)}::text[],
      ${orders.map((o) => o.trackingCode)}::text[],
      ${orders.map((o) => String(o.updatedAt))}::bigint[],
      ${sagas.map((s) => (s.leaseUntil === undefined ? null : String(s.leaseUntil)))}::bigint[]
    ) as t (order_id, status, step, version, payment_id, payment_token, cancel_reason,
      cancel_detail, tracking_code, updated_ms, lease_ms)
    where o.order_id = t.order_id`;
}
