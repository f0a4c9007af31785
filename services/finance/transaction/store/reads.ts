import type { Database } from '#kit/db/database.ts';
import { newSystemAccount } from '../domain/system.ts';
import { type Account, type Entry, limits, type Transaction } from '../domain.ts';
import { type AccountRow, type TransactionRow, toAccount, toTransaction } from './rows.ts';

/** An entry with what is told of its transaction in a list. `postedAt` is in milliseconds since the epoch. */
export interface ListedEntry extends Entry {
  readonly postedAt: number;
  readonly type: Transaction['type'];
  readonly reference: string;
}

/** A period by the numbers of its entries: those above `after`, up to `last`. */
export interface Period {
  readonly after: bigint;
  readonly last: bigint;
}

/** What a period of an account comes to, in minor units. */
export interface Totals extends Period {
  readonly opening: bigint;
  readonly closing: bigint;
  readonly credits: bigint;
  readonly debits: bigint;
}

/** A balance as it was. */
export interface PastBalance {
  readonly accountId: string;
  readonly posted: bigint;
  readonly sequence: bigint;
  /** When its last entry was posted, undefined before the first: milliseconds since the epoch. */
  readonly postedAt: number | undefined;
}

/** Where a page of transactions begins: behind this entry, and behind this one of those without entries. */
export interface ActivityPosition {
  readonly sequence: bigint | undefined;
  readonly unposted: { createdAt: number; transactionId: string } | undefined;
}

/** One transaction of an account's activity; `sequence` is that of its first entry there, undefined when it has none. */
export interface Activity {
  readonly transactionId: string;
  readonly at: number;
  readonly sequence: bigint | undefined;
}

/** The ledger as it is read, without a lock. Times are milliseconds since the epoch. */
export interface Reads {
  /** Reads accounts, all of one moment; unknown ones are left out, those of the system are there before they are kept. */
  accounts(accountIds: readonly string[]): Promise<Map<string, Account>>;
  /** Reads what accounts were at a time, entries of that millisecond included. */
  balancesAt(accountIds: readonly string[], at: number): Promise<Map<string, PastBalance>>;
  /** Reads transactions; unknown ones are left out. */
  transactions(transactionIds: readonly string[]): Promise<Map<string, Transaction>>;
  /** The period from `start` on and before `end`; undefined is no bound. */
  period(accountId: string, start?: number, end?: number): Promise<Period>;
  totals(accountId: string, start: number, end: number): Promise<Totals>;
  /** Reads entries of a period, the newest first, at most `limit`. */
  entries(accountId: string, period: Period, limit: number): Promise<ListedEntry[]>;
  /** The transactions that were posted to an account in a period, in that order, at most `limit` entries of them. */
  posted(
    accountId: string,
    period: Period,
    limit: number,
  ): Promise<{ upTo: bigint; transactions: Transaction[] }>;
  /** What happened to an account from a position on, the newest first; `limit` of either kind. */
  activity(
    accountId: string,
    from: ActivityPosition | undefined,
    limit: number,
  ): Promise<Activity[]>;
  /** What waits for review from a position on, the oldest first. */
  reviews(
    from: { createdAt: number; transactionId: string } | undefined,
    limit: number,
  ): Promise<Transaction[]>;
}

/** Reads from the schema of `database`. */
export function createReads({ sql }: Database): Reads {
  const accountColumns = sql`account_id, owner_id, type, currency, status, floor_minor, posted_minor,
    held_minor, incoming_minor, sequence, version, change_id, opened_at, updated_at`;

  async function transactions(transactionIds: readonly string[]) {
    const rows = await sql<TransactionRow[]>`
      select * from transaction where transaction_id = any(${transactionIds as string[]}::uuid[])`;
    return new Map(rows.map((row) => [row.transaction_id, toTransaction(row)]));
  }

  /** Bounds of a period, by the times between which its entries were posted. */
  const bounds = (accountId: string, start: number | undefined, end: number | undefined) => sql`
    ${start === undefined ? sql`0::bigint` : sql`sequence_at(${accountId}, ${new Date(start - 1)})`}
      as after,
    ${end === undefined ? sql`sequence` : sql`sequence_at(${accountId}, ${new Date(end - 1)})`}
      as last
    from account where account_id = ${accountId}`;

  return {
    async accounts(accountIds) {
      const rows = await sql<AccountRow[]>`
        select ${accountColumns} from account
        where account_id = any(${accountIds as string[]}::uuid[])`;
      const found = new Map(rows.map((row) => [row.account_id, toAccount(row)]));
      for (const id of accountIds) {
        const unkept = found.has(id) ? undefined : newSystemAccount(id);
        if (unkept !== undefined) found.set(id, unkept);
      }
      return found;
    },

    async balancesAt(accountIds, at) {
      const rows = await sql<
        {
          account_id: string;
          sequence: bigint;
          balance_minor: bigint | null;
          created_at: Date | null;
        }[]
      >`
        select a.account_id, a.sequence, e.balance_minor, e.created_at
        from (
          select account_id, sequence_at(account_id, ${new Date(at)}) as sequence from account
          where account_id = any(${accountIds as string[]}::uuid[])) as a
        left join entry e on e.account_id = a.account_id and e.sequence = a.sequence`;
      return new Map(
        rows.map((row) => [
          row.account_id,
          {
            accountId: row.account_id,
            posted: row.balance_minor ?? 0n,
            sequence: row.sequence,
            postedAt: row.created_at?.getTime(),
          },
        ]),
      );
    },

    transactions,

    async period(accountId, start, end) {
      const [row] = await sql<{ after: bigint; last: bigint }[]>`
        select ${bounds(accountId, start, end)}`;
      return row ?? { after: 0n, last: 0n };
    },

    async totals(accountId, start, end) {
      const [row] = await sql<Totals[]>`
        with period as (select ${bounds(accountId, start, end)})
        select p.after, p.last,
          coalesce((select balance_minor from entry
            where account_id = ${accountId} and sequence = p.after), 0) as opening,
          coalesce((select balance_minor from entry
            where account_id = ${accountId} and sequence = p.last), 0) as closing,
          coalesce(t.credits, 0)::bigint as credits, coalesce(-t.debits, 0)::bigint as debits
        from period p, lateral (
          select sum(delta_minor) filter (where delta_minor > 0) as credits,
            sum(delta_minor) filter (where delta_minor < 0) as debits
          from entry
          where account_id = ${accountId} and sequence > p.after and sequence <= p.last) as t`;
      return row ?? { after: 0n, last: 0n, opening: 0n, closing: 0n, credits: 0n, debits: 0n };
    },

    async entries(accountId, { after, last }, limit) {
      const rows = await sql<EntryRow[]>`
        select e.account_id, e.sequence, e.transaction_id, e.delta_minor, e.balance_minor,
          e.created_at, t.type, t.reference
        from entry e join transaction t on t.transaction_id = e.transaction_id
        where e.account_id = ${accountId} and e.sequence > ${after} and e.sequence <= ${last}
        order by e.sequence desc limit ${limit}`;
      return rows.map(toListedEntry);
    },

    async posted(accountId, { after, last }, limit) {
      const rows = await sql<{ sequence: bigint; transaction_id: string }[]>`
        select sequence, transaction_id from entry
        where account_id = ${accountId} and sequence > ${after} and sequence <= ${last}
        order by sequence limit ${limit}`;
      const ids = [...new Set(rows.map((row) => row.transaction_id))];
      const found = await transactions(ids);
      return { upTo: rows.at(-1)?.sequence ?? last, transactions: ids.map((id) => found.get(id)!) };
    },

    async activity(accountId, from, limit) {
      // A transaction's entries in one account lie side by side; one that is cut off is left for the next page.
      const entriesMax = limit + 2 * limits.legsMax;
      const posted = await sql<{ transaction_id: string; sequence: bigint; created_at: Date }[]>`
        select transaction_id, sequence, created_at from entry
        where account_id = ${accountId} ${from?.sequence === undefined ? sql`` : sql`and sequence < ${from.sequence}`}
        order by sequence desc limit ${entriesMax}`;
      const behind = from?.unposted;
      const unposted = await sql<{ transaction_id: string; created_at: Date }[]>`
        select transaction_id, created_at from transaction
        where status <> 'COMPLETED' and (source_id = ${accountId} or destination_id = ${accountId})
          ${behind ? sql`and (created_at, transaction_id) < (${new Date(behind.createdAt)}, ${behind.transactionId})` : sql``}
        order by created_at desc, transaction_id desc limit ${limit}`;
      const byTransaction = new Map<string, Activity>();
      for (const { transaction_id: transactionId, sequence, created_at } of posted) {
        byTransaction.set(transactionId, { transactionId, sequence, at: created_at.getTime() });
      }
      const whole = [...byTransaction.values()];
      if (posted.length === entriesMax) whole.pop();
      const open = unposted.map(({ transaction_id: transactionId, created_at }) => ({
        transactionId,
        sequence: undefined,
        at: created_at.getTime(),
      }));
      return [...whole, ...open].sort((a, b) => b.at - a.at);
    },

    async reviews(from, limit) {
      const rows = await sql<TransactionRow[]>`
        select * from transaction where awaits = 'REVIEW'
          ${from ? sql`and (created_at, transaction_id) > (${new Date(from.createdAt)}, ${from.transactionId})` : sql``}
        order by created_at, transaction_id limit ${limit}`;
      return rows.map(toTransaction);
    },
  };
}

interface EntryRow {
  account_id: string;
  sequence: bigint;
  transaction_id: string;
  delta_minor: bigint;
  balance_minor: bigint;
  created_at: Date;
  type: Transaction['type'];
  reference: string;
}

function toListedEntry(row: EntryRow): ListedEntry {
  return {
    accountId: row.account_id,
    sequence: row.sequence,
    transactionId: row.transaction_id,
    deltaMinor: row.delta_minor,
    balanceMinor: row.balance_minor,
    postedAt: row.created_at.getTime(),
    type: row.type,
    reference: row.reference,
  };
}
