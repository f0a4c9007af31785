import type { Database, Tx } from '#kit/db/database.ts';
import { uuidv7 } from '#kit/ids.ts';
import { createCoalescer, type Outcome } from '#kit/load/coalesce.ts';
import type { WireOperation } from '../provider-wire.ts';
import { cardOf } from './tokens.ts';

/** A call to the provider, as its JSON says it. */
export interface Ask {
  kind: 'charge' | 'authorization' | 'capture' | 'refund';
  key: string;
  origin: string;
  token: string;
  currency: string;
  amountMinor: bigint;
}

/** What a call came to: the operation under its key; or that the key was used for something else. */
export type Done = { operation: WireOperation; isNew: boolean } | { conflict: true };

/** What the provider remembers, durably: every operation at most once. */
export interface Book {
  /** Charges or authorizes. */
  open(ask: Ask): Promise<Done>;
  /** Captures or refunds what is under `origin`. */
  follow(ask: Ask): Promise<Done>;
  /** Gives free what is, or will be, authorized under a key. */
  void(origin: string): Promise<Done>;
  find(key: string): Promise<WireOperation | undefined>;
  /** Totals by currency. */
  summary(): Promise<Record<string, Total>>;
  idle(): Promise<void>;
}

export interface Total {
  captured_minor: string;
  refunded_minor: string;
  charge_count: number;
}

interface Row {
  key: string;
  kind: Ask['kind'] | 'tombstone';
  origin: string;
  token: string;
  currency: string;
  amount_minor: bigint;
  state: WireOperation['state'];
  code: string;
  captured_minor: bigint;
  refunded_minor: bigint;
}

const batchMsMax = 5_000;

export function createBook(
  database: Database,
  events: { copies: number; dueAt(): Date; changed(): void },
): Book {
  const { sql } = database;

  /** Writes operations that are new, and the events that tell of them. Answers the keys of those. */
  async function insert(tx: Tx | typeof sql, rows: readonly Row[]): Promise<Set<string>> {
    const told = events.copies > 0;
    const made = await tx<{ key: string }[]>`
      with made as (
        insert into operation (key, kind, origin, token, currency, amount_minor, state, code,
          captured_minor)
        select * from unnest(
          ${rows.map((r) => r.key)}::text[], ${rows.map((r) => r.kind)}::text[],
          ${rows.map((r) => r.origin)}::text[], ${rows.map((r) => r.token)}::text[],
          ${rows.map((r) => r.currency)}::text[],
          ${rows.map((r) => String(r.amount_minor))}::bigint[],
          ${rows.map((r) => r.state)}::text[], ${rows.map((r) => r.code)}::text[],
          ${rows.map((r) => String(r.captured_minor))}::bigint[])
        on conflict do nothing
        returning key
      ), told as (
        insert into webhook (event_id, copy, body, due_at)
        select e.event_id, copy, e.body, ${events.dueAt()}
        from unnest(
          ${told ? rows.map((r) => r.key) : []}::text[],
          ${told ? rows.map(() => `evt_${uuidv7()}`) : []}::text[],
          ${told ? rows.map((r) => JSON.stringify(toWire(r))) : []}::text[],
          ${told ? rows.map((r) => String(events.copies * cardOf(r.token).copies)) : []}::integer[]
        ) as e (key, event_id, body, copies)
        join made using (key), generate_series(1, e.copies) as copy
      )
      select key from made`;
    if (told && made.length > 0) events.changed();
    return new Set(made.map((row) => row.key));
  }

  async function read(tx: Tx | typeof sql, keys: readonly string[]): Promise<Map<string, Row>> {
    const rows = await tx<Row[]>`
      select key, kind, origin, token, currency, amount_minor, state, code, captured_minor,
        refunded_minor
      from operation where key = any(${keys as string[]}::text[])`;
    return new Map(rows.map((row) => [row.key, row]));
  }

  const opening = createCoalescer<Ask, Done>({
    name: 'sandbox.open',
    timeoutMs: batchMsMax,
    async run(asks) {
      const rows = asks.map(openRow);
      const made = await insert(sql, rows);
      const old = asks.filter(({ key }) => !made.has(key)).map(({ key }) => key);
      const known = old.length === 0 ? new Map<string, Row>() : await read(sql, old);
      return asks.map((ask, i): Outcome<Done> => {
        // The first of a batch that names a key has made it.
        if (made.delete(ask.key)) return { value: { operation: toWire(rows[i]!), isNew: true } };
        return {
          value: repeated(ask, known.get(ask.key) ?? rows.find(({ key }) => key === ask.key)!),
        };
      });
    },
  });

  /** Changes an origin and writes what changes it, under the origin's lock. */
  async function follow(ask: Ask): Promise<Done> {
    return database.transaction(async (tx) => {
      const [origin] = await tx<Row[]>`
        select key, kind, origin, token, currency, amount_minor, state, code, captured_minor,
          refunded_minor
        from operation where key = ${ask.origin} for update`;
      const known = (await read(tx, [ask.key])).get(ask.key);
      if (known !== undefined) return repeated(ask, known);
      const { row, origin: after } = followRow(ask, origin);
      await insert(tx, [row]);
      if (after !== undefined) {
        await tx`
          update operation set state = ${after.state}, captured_minor = ${String(after.captured_minor)},
            refunded_minor = ${String(after.refunded_minor)}
          where key = ${after.key}`;
      }
      return { operation: toWire(row), isNew: true };
    });
  }

  async function voidOrigin(key: string): Promise<Done> {
    const [voided] = await sql<Row[]>`
      update operation set state = 'voided' where key = ${key} and state = 'authorized'
      returning *`;
    const tombstone: Row = { ...empty, key, kind: 'tombstone', state: 'voided' };
    const isNew = voided === undefined && (await insert(sql, [tombstone])).size > 0;
    if (voided !== undefined && events.copies > 0) {
      await sql`insert into webhook (event_id, copy, body, due_at)
        values (${`evt_${uuidv7()}`}, 1, ${JSON.stringify(toWire(voided))}, ${events.dueAt()})`;
      events.changed();
    }
    const row = voided ?? (await read(sql, [key])).get(key)!;
    return { operation: toWire(row), isNew: isNew || voided !== undefined };
  }

  return {
    open: opening.do,
    follow,
    void: voidOrigin,
    async find(key) {
      const row = (await read(sql, [key])).get(key);
      return row && toWire(row);
    },
    async summary() {
      const rows = await sql<(Total & { currency: string })[]>`
        select currency, sum(captured_minor)::text as captured_minor,
          sum(refunded_minor)::text as refunded_minor, count(*)::integer as charge_count
        from operation where kind in ('charge', 'authorization') and captured_minor > 0
        group by currency`;
      return Object.fromEntries(rows.map(({ currency, ...total }) => [currency, total]));
    },
    idle: opening.idle,
  };
}

const empty = {
  origin: '',
  token: '',
  currency: '',
  code: '',
  amount_minor: 0n,
  captured_minor: 0n,
  refunded_minor: 0n,
};

function openRow(ask: Ask): Row {
  const { key, kind, token, currency, amountMinor: amount_minor } = ask;
  const code = cardOf(token).declineCode;
  const row = { ...empty, key, kind, token, currency, amount_minor, code };
  if (code !== '') return { ...row, state: 'declined' };
  if (kind === 'authorization') return { ...row, state: 'authorized' };
  return { ...row, state: 'captured', captured_minor: amount_minor };
}

/** What a capture or a refund does, and how it leaves its origin; undefined when that stays as it is. */
function followRow(ask: Ask, origin: Row | undefined): { row: Row; origin?: Row } {
  const { key, kind, currency, amountMinor } = ask;
  const row = { ...empty, key, kind, origin: ask.origin, currency, amount_minor: amountMinor };
  if (kind === 'capture') {
    if (origin?.state !== 'authorized' || amountMinor > origin.amount_minor) {
      return { row: { ...row, state: 'declined', code: 'not_authorized' } };
    }
    const code = cardOf(origin.token).captureDeclineCode;
    if (code !== '') {
      const declined = { ...row, state: 'declined', code } as const;
      return { row: declined, origin: { ...origin, state: 'voided' } };
    }
    const captured = { ...origin, state: 'captured', captured_minor: amountMinor } as const;
    return { row: { ...row, state: 'captured' }, origin: captured };
  }
  if (origin === undefined || amountMinor > origin.captured_minor - origin.refunded_minor) {
    return { row: { ...row, state: 'refused', code: 'exceeds_capture' } };
  }
  const code = cardOf(origin.token).refundRefusalCode;
  if (code !== '') return { row: { ...row, state: 'refused', code } };
  const refunded_minor = origin.refunded_minor + amountMinor;
  return { row: { ...row, state: 'refunded' }, origin: { ...origin, refunded_minor } };
}

function repeated(ask: Ask, row: Row): Done {
  const isSame =
    row.kind === 'tombstone' ||
    (row.kind === ask.kind &&
      row.origin === ask.origin &&
      row.token === ask.token &&
      row.currency === ask.currency &&
      row.amount_minor === ask.amountMinor);
  return isSame ? { operation: toWire(row), isNew: false } : { conflict: true };
}

/** The operation as it is told. A capture has its amount in a row of its own, so it does not count twice. */
function toWire(row: Row): WireOperation {
  const isCaptured = row.state === 'captured' && row.kind !== 'capture';
  const amount_minor = String(isCaptured ? row.captured_minor : row.amount_minor);
  return { key: row.key, state: row.state, amount_minor, currency: row.currency, code: row.code };
}
