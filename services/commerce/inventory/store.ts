import { asCollision } from '#kit/db/collision.ts';
import type { Database, Tx } from '#kit/db/database.ts';
import { publish } from '#kit/db/outbox.ts';
import type { RowOf } from '#kit/db/row.ts';
import { type Book, openBook } from './domain/book.ts';
import {
  type Author,
  type Command,
  type Line,
  limits,
  type Movement,
  type Reservation,
  type Stock,
} from './domain.ts';
import { stockChanged } from './events.ts';
import type { reservation, stock, stockMovement } from './schema.ts';

/** A movement as it was kept; `by` is absent for stock that was there before movements were kept. */
export interface KeptMovement extends Omit<Movement, 'by'> {
  readonly by: Author | undefined;
  /** Grows with each movement of a SKU. */
  readonly position: bigint;
}

/** Stock and reservations. Who changes them opens a book, applies commands to it and writes it, in one transaction. */
export interface Store {
  /**
   * Locks all that the commands touch (reservations by order id, then stock by SKU: the one order of all writers) and
   * opens the book on it. `now` is in milliseconds since the epoch.
   */
  openBook(tx: Tx, commands: readonly Command[], now: number): Promise<Book>;
  /**
   * Writes what changed in the book, with its movements and its event, together with the commit. That throws Collision
   * when another writer made the same row.
   */
  writeBook(tx: Tx, book: Book): void;
  /** Reads stocks by SKU; unknown ones are left out. */
  readStocks(skus: readonly string[]): Promise<Map<string, Stock>>;
  /** Reads what staff changed of a SKU, the newest first, at most `limit`, from before a position. */
  listMovements(sku: string, before: bigint | undefined, limit: number): Promise<KeptMovement[]>;
  /** Active reservations whose time is over, the oldest first, at most limits.batchMax. */
  findExpired(now: number): Promise<string[]>;
}

type StockRow = Omit<RowOf<typeof stock>, 'received'>;

type ReservationRow = Omit<RowOf<typeof reservation>, 'created_at'>;

type MovementRow = RowOf<typeof stockMovement>;

/** Keeps them in the schema of `database`, of which each `tx` must be a transaction. */
export function createStore(database: Database): Store {
  const { sql } = database;
  const stockColumns = sql`sku, on_hand, reserved, sold, version, updated_at`;

  async function lockReservations(tx: Tx, commands: readonly Command[]): Promise<Reservation[]> {
    const orderIds = commands.flatMap((command) => ('orderId' in command ? [command.orderId] : []));
    if (orderIds.length === 0) return [];
    const rows = await tx<ReservationRow[]>`
      select order_id, state, lines, expires_at from reservation
      where order_id = any(${orderIds}::uuid[]) order by order_id for no key update`;
    return rows.map(toReservation);
  }

  async function lockStocks(tx: Tx, skus: readonly string[]): Promise<Stock[]> {
    if (skus.length === 0) return [];
    const rows = await tx<StockRow[]>`
      select ${stockColumns} from stock
      where sku = any(${skus as string[]}::text[]) order by sku for no key update`;
    return rows.map(toStock);
  }

  /** A SKU that had no row could not be locked: two writers may have met on it. */
  function insertStocks(tx: Tx, stocks: readonly Stock[]) {
    return tx`
      insert into stock (sku, on_hand, reserved, sold, version, updated_at)
      select sku, on_hand, reserved, sold, version, to_timestamp(updated_ms / 1000.0)
      from ${asTable(tx, stocks)} order by t.sku`;
  }

  function updateStocks(tx: Tx, stocks: readonly Stock[]) {
    return tx`
      update stock s set on_hand = t.on_hand, reserved = t.reserved, sold = t.sold,
        version = t.version, updated_at = to_timestamp(t.updated_ms / 1000.0)
      from ${asTable(tx, stocks)} where s.sku = t.sku`;
  }

  /** An order that had no row could not be locked: two writers may have met on it. */
  function insertReservations(tx: Tx, reservations: readonly Reservation[]) {
    return tx`
      insert into reservation (order_id, state, lines, expires_at)
      select order_id, state, lines::jsonb, to_timestamp(expires_ms / 1000.0)
      from unnest(
        ${reservations.map((r) => r.orderId)}::uuid[],
        ${reservations.map((r) => r.state)}::text[],
        ${reservations.map((r) => linesToJson(r.lines))}::text[],
        ${reservations.map((r) => String(r.expiresAt))}::bigint[]
      ) as t (order_id, state, lines, expires_ms)
      order by order_id`;
  }

  function updateReservations(tx: Tx, reservations: readonly Reservation[]) {
    return tx`
      update reservation r set state = t.state
      from unnest(
        ${reservations.map((r) => r.orderId)}::uuid[],
        ${reservations.map((r) => r.state)}::text[]
      ) as t (order_id, state)
      where r.order_id = t.order_id`;
  }

  /** Behind the lock of their stocks, so positions grow as they were done. */
  function insertMovements(tx: Tx, movements: readonly Movement[]) {
    return tx`
      insert into stock_movement (sku, kind, delta, on_hand, reason, staff_id, request_id,
        created_at)
      select sku, kind, delta, on_hand, reason, staff_id, request_id,
        to_timestamp(created_ms / 1000.0)
      from unnest(
        ${movements.map((m) => m.sku)}::text[],
        ${movements.map((m) => m.kind)}::text[],
        ${movements.map((m) => String(m.delta))}::bigint[],
        ${movements.map((m) => String(m.onHand))}::bigint[],
        ${movements.map((m) => m.reason)}::text[],
        ${movements.map((m) => m.by.staffId)}::uuid[],
        ${movements.map((m) => m.by.requestId)}::uuid[],
        ${movements.map((m) => String(m.createdAt))}::bigint[]
      ) with ordinality as t (sku, kind, delta, on_hand, reason, staff_id, request_id, created_ms,
        nth)
      order by nth`;
  }

  return {
    async openBook(tx, commands, now) {
      const skus = new Set(commands.flatMap(skusOf));
      const locking = lockReservations(tx, commands);
      if (commands.every(namesItsSkus)) {
        // Sent behind each other without waiting: the connection keeps the order, and so the order of the locks.
        const [reservations, stocks] = await Promise.all([locking, lockStocks(tx, [...skus])]);
        return openBook(stocks, reservations, now);
      }
      const reservations = await locking;
      for (const { lines } of reservations) for (const { sku } of lines) skus.add(sku);
      return openBook(await lockStocks(tx, [...skus]), reservations, now);
    },

    writeBook(tx, book) {
      const { deferRows } = database;
      const stocks = book.changedStocks();
      const changed = stocks.filter((stock) => !isNew(stock));
      deferRows(tx, insertStocks, stocks.filter(isNew), asCollision('stock_pkey'));
      deferRows(tx, updateStocks, changed);
      deferRows(tx, insertReservations, book.newReservations(), asCollision('reservation_pkey'));
      deferRows(tx, updateReservations, book.changedReservations());
      deferRows(tx, insertMovements, book.movements());
      publish(database, tx, stockEvents(stocks));
    },

    async readStocks(skus) {
      const rows = await sql<StockRow[]>`
        select ${stockColumns} from stock
        where sku = any(${skus as string[]}::text[])`;
      return new Map(rows.map((row) => [row.sku, toStock(row)]));
    },

    async listMovements(sku, before, limit) {
      const rows = await sql<MovementRow[]>`
        select sku, position, kind, delta, on_hand, reason, staff_id, request_id, created_at
        from stock_movement
        where sku = ${sku} ${before === undefined ? sql`` : sql`and position < ${before}`}
        order by position desc limit ${limit}`;
      return rows.map(toMovement);
    },

    async findExpired(now) {
      const rows = await sql<{ order_id: string }[]>`
        select order_id from reservation
        where state = 'ACTIVE' and expires_at <= ${new Date(now)}
        order by expires_at limit ${limits.batchMax}`;
      return rows.map((row) => row.order_id);
    },
  };
}

/** A stock's first version has no row yet. */
function isNew({ version }: Stock): boolean {
  return version === 1n;
}

/** Stocks as the rows of a table `t`, with its columns named as those of `stock`, the time in milliseconds. */
function asTable(tx: Tx, stocks: readonly Stock[]) {
  return tx`
    unnest(
      ${stocks.map((s) => s.sku)}::text[],
      ${stocks.map((s) => String(s.onHand))}::bigint[],
      ${stocks.map((s) => String(s.reserved))}::bigint[],
      ${stocks.map((s) => String(s.sold))}::bigint[],
      ${stocks.map((s) => String(s.version))}::bigint[],
      ${stocks.map((s) => String(s.updatedAt))}::bigint[]
    ) as t (sku, on_hand, reserved, sold, version, updated_ms)`;
}

function stockEvents(stocks: readonly Stock[]) {
  const events = [];
  for (let i = 0; i < stocks.length; i += limits.eventStocksMax) {
    events.push(stockChanged(stocks.slice(i, i + limits.eventStocksMax)));
  }
  return events;
}

/** Whether a command says which stocks it touches; the others follow from the reservation that they name. */
function namesItsSkus(command: Command): boolean {
  return command.kind === 'reserve' || 'sku' in command;
}

function skusOf(command: Command): string[] {
  if (command.kind === 'reserve') return command.lines.map(({ sku }) => sku);
  return 'sku' in command ? [command.sku] : [];
}

function linesToJson(lines: readonly Line[]): string {
  return JSON.stringify(lines.map(({ sku, quantity }) => [sku, Number(quantity)]));
}

function toStock(row: StockRow): Stock {
  const { sku, reserved, sold, version } = row;
  const updatedAt = row.updated_at.getTime();
  return { sku, onHand: row.on_hand, reserved, sold, version, updatedAt };
}

function toMovement(row: MovementRow): KeptMovement {
  const { sku, position, kind, delta, reason, staff_id: staffId, request_id: requestId } = row;
  const by = staffId !== null && requestId !== null ? { staffId, requestId } : undefined;
  const createdAt = row.created_at.getTime();
  return { sku, position, kind, delta, onHand: row.on_hand, reason, by, createdAt };
}

function toReservation(row: ReservationRow): Reservation {
  return {
    orderId: row.order_id,
    state: row.state,
    lines: row.lines.map(([sku, units]) => ({ sku, quantity: BigInt(units) })),
    expiresAt: row.expires_at.getTime(),
  };
}
