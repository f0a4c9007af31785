/** Statements that keep how captures and refunds of cards come into the ledger. */
import type { Database, Tx } from '#kit/db/database.ts';
import type { RowOf } from '#kit/db/row.ts';
import { debugPoint } from '#kit/debug.ts';
import type { Settlement } from '../domain/settlement.ts';
import { limits } from '../domain.ts';
import type { settlement } from '../schema.ts';

type Kind = Settlement['kind'];

/** Settlements, and what belongs to which. `now` is in milliseconds since the epoch. */
export interface Settlements {
  /**
   * Makes one settlement of what is not in any, at most limits.settlementItemsMax of one kind and currency, unless one of
   * these is open. Answers whether there was anything. `newId` is that of the settlement.
   */
  bind(kind: Kind, of: { newId: string; now: number }): Promise<boolean>;
  /** Those about which the ledger is to be asked, at most limits.settlementsPerRoundMax. */
  findDue(now: number): Promise<Settlement[]>;
  countDue(now: number): Promise<number>;
  /** Writes what was heard of one, unless somebody has heard more of it meanwhile. */
  update(before: Settlement, after: Settlement): Promise<void>;
  /** Has those looked at again that are in review in the ledger as these transactions. */
  wake(tx: Tx, transactionIds: readonly string[], now: number): Promise<void>;
  /** The newest first, those before `before` in time. */
  list(before: string | undefined, limit: number): Promise<Settlement[]>;
}

/** Keeps them in the schema of `database`. */
export function createSettlements(database: Database): Settlements {
  const { sql } = database;
  const columns = sql`settlement_id, kind, currency, amount_minor, item_count, state, refusals,
    transaction_id, failure, due_at, created_at, updated_at`;

  /** The first currency, in their order, of which something can be bound: one step of the index for each of them. */
  async function findCurrency(kind: Kind): Promise<string | undefined> {
    const open = await sql<{ currency: string }[]>`
      select currency from settlement where kind = ${kind} and state = 'OPEN'`;
    const isOpen = new Set(open.map(({ currency }) => currency));
    for (let last = ''; ; ) {
      const [row] =
        kind === 'CAPTURE'
          ? await sql<{ currency: string }[]>`
              select currency from payment
              where captured_minor > 0 and settlement_id is null and account_id is null
                and currency > ${last}
              order by currency limit 1`
          : await sql<{ currency: string }[]>`
              select settles_in as currency from operation
              where kind = 'REFUND' and state = 'DONE' and settlement_id is null
                and settles_in is not null and settles_in > ${last}
              order by settles_in limit 1`;
      if (row === undefined || !isOpen.has(row.currency)) return row?.currency;
      last = row.currency;
    }
  }

  /** Locks captures that are in no settlement; what somebody writes at this moment comes into the next. */
  function lockCaptures(tx: Tx, currency: string): Promise<Item[]> {
    return tx<Item[]>`
      select payment_id as id, captured_minor as minor from payment
      where captured_minor > 0 and settlement_id is null and account_id is null
        and currency = ${currency}
      order by payment_id limit ${limits.settlementItemsMax} for no key update skip locked`;
  }

  function lockRefunds(tx: Tx, currency: string): Promise<Item[]> {
    return tx<Item[]>`
      select operation_id as id, amount_minor as minor from operation
      where kind = 'REFUND' and state = 'DONE' and settlement_id is null
        and settles_in = ${currency}
      order by operation_id limit ${limits.settlementItemsMax} for no key update skip locked`;
  }

  return {
    async bind(kind, { newId, now }) {
      const currency = await findCurrency(kind);
      if (currency === undefined) return false;
      return database.transaction(async (tx) => {
        const items = await (kind === 'CAPTURE' ? lockCaptures : lockRefunds)(tx, currency);
        if (items.length === 0) return false;
        const sum = items.reduce((total, { minor }) => total + minor, 0n);
        const at = new Date(now);
        const made = await tx`
          insert into settlement (settlement_id, kind, currency, amount_minor, item_count, state,
            due_at, created_at, updated_at)
          values (${newId}, ${kind}, ${currency}, ${String(sum)}::bigint, ${items.length}, 'OPEN',
            ${at}, ${at}, ${at})
          on conflict do nothing`;
        // Another process has made one meanwhile.
        if (made.count === 0) return false;
        const ids = items.map(({ id }) => id);
        await (kind === 'CAPTURE'
          ? tx`update payment set settlement_id = ${newId} where payment_id = any(${ids}::uuid[])`
          : tx`update operation set settlement_id = ${newId}
              where operation_id = any(${ids}::uuid[])`);
        await debugPoint('finance.payment.before-bind');
        return true;
      });
    },

    async findDue(now) {
      const rows = await sql<SettlementRow[]>`
        select ${columns} from settlement where due_at <= ${new Date(now)}
        order by due_at limit ${limits.settlementsPerRoundMax}`;
      return rows.map(toSettlement);
    },

    async countDue(now) {
      const [row] = await sql<{ count: bigint }[]>`
        select count(*) as count from settlement where due_at <= ${new Date(now)}`;
      return Number(row!.count);
    },

    async update(before, after) {
      await sql`
        update settlement set state = ${after.state}, refusals = ${after.refusals},
          transaction_id = ${after.transactionId ?? null}, failure = ${after.failure},
          due_at = ${after.dueAt === undefined ? null : new Date(after.dueAt)},
          updated_at = ${new Date(after.updatedAt)}
        where settlement_id = ${before.settlementId} and state = ${before.state}
          and refusals = ${before.refusals}`;
    },

    async wake(tx, transactionIds, now) {
      await tx`
        update settlement set due_at = ${new Date(now)}
        where transaction_id = any(${transactionIds as string[]}::uuid[])
          and state = 'IN_REVIEW' and due_at is not null`;
    },

    async list(before, limit) {
      const rows = await sql<SettlementRow[]>`
        select ${columns} from settlement
        where ${before === undefined ? sql`true` : sql`settlement_id < ${before}`}
        order by settlement_id desc limit ${limit}`;
      return rows.map(toSettlement);
    },
  };
}

interface Item {
  id: string;
  minor: bigint;
}

type SettlementRow = RowOf<typeof settlement>;

function toSettlement(row: SettlementRow): Settlement {
  return {
    settlementId: row.settlement_id,
    kind: row.kind,
    currency: row.currency,
    amountMinor: row.amount_minor,
    itemCount: row.item_count,
    state: row.state,
    refusals: row.refusals,
    transactionId: row.transaction_id ?? undefined,
    failure: row.failure,
    dueAt: row.due_at?.getTime(),
    createdAt: row.created_at.getTime(),
    updatedAt: row.updated_at.getTime(),
  };
}
