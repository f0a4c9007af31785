import type { Database } from '#kit/db/database.ts';
import { limits } from '../domain.ts';
import { holdsSql, openLegSql } from '../invariants.ts';

/** One thing that is not as it must be. */
export interface Violation {
  /** Undefined when it is about all of a currency. */
  readonly accountId: string | undefined;
  /** The number of an entry; 0 when it is about the account. */
  readonly sequence: bigint;
  readonly explanation: string;
}

/** What there is of one currency. */
export interface CurrencySum {
  readonly currency: string;
  readonly accountCount: number;
  readonly postedMinor: bigint;
}

/** An entry by its account and number: where a walk through all of them has come to. */
export interface Place {
  readonly accountId: string;
  readonly sequence: bigint;
}

/** One piece of a walk through all entries. */
export interface Piece {
  readonly accountCount: number;
  readonly entryCount: number;
  readonly violations: Violation[];
  /** Undefined when there is nothing behind it. */
  readonly last: Place | undefined;
}

/**
 * Holds the ledger against what must be so. Each is one statement, and so of one moment, without a lock; each answers at
 * most limits.violationsMax violations.
 */
export interface Checks {
  /** The sums of all balances, and of what accounts hold. */
  totals(): Promise<{ sums: CurrencySum[]; violations: Violation[] }>;
  /**
   * Entries from behind a place on, at most `limit`, in the order of accounts and numbers, and the accounts that end among
   * them.
   */
  entriesAfter(place: Place, limit: number): Promise<Piece>;
  /**
   * Entries that were not checked yet, of at most limits.checkedAccountsMax accounts, and notes those as checked in which
   * all fits.
   */
  fresh(): Promise<Violation[]>;
}

interface ViolationRow {
  account_id: string | null;
  sequence: bigint;
  explanation: string;
}

/** Before all entries. */
export const beginning: Place = {
  accountId: '00000000-0000-0000-0000-000000000000',
  sequence: 0n,
};

/** Checks the schema of `database`. */
export function createChecks({ sql }: Database): Checks {
  /** Entries that do not follow from the one before; `read` has both, and what was on the account before the first. */
  const entryFaults = sql`
    select account_id, sequence, 'does not follow from the entry before' as explanation from read
    where sequence <> before + 1 or balance_minor <> was + delta_minor
    union all
    select account_id, read.sequence, 'is below the floor' from read join account using (account_id)
    where balance_minor < floor_minor`;

  return {
    async totals() {
      const sums = await sql<{ currency: string; accounts: number; posted: bigint }[]>`
        select currency, count(*)::integer as accounts, sum(posted_minor)::bigint as posted
        from account group by currency order by currency`;
      const holds = await sql<ViolationRow[]>`
        with ${sql.unsafe(openLegSql)}
        select account_id, 0::bigint as sequence, explanation from (${sql.unsafe(holdsSql)}) as held
        limit ${limits.violationsMax}`;
      const unbalanced = sums.flatMap(({ currency, posted }): Violation[] => {
        const explanation = `the balances of ${currency} add up to ${posted}`;
        return posted === 0n ? [] : [{ accountId: undefined, sequence: 0n, explanation }];
      });
      return {
        sums: sums.map(({ currency, accounts, posted }) => {
          return { currency, accountCount: accounts, postedMinor: posted };
        }),
        violations: [...unbalanced, ...holds.map(toViolation)],
      };
    },

    async entriesAfter({ accountId, sequence }, limit) {
      // The entry of the place itself is read, for what follows from it, and not checked again.
      const [row] = await sql<
        {
          accounts: number;
          entries: number;
          last_account_id: string | null;
          last_sequence: bigint | null;
          violations: { account_id: string; sequence: string; explanation: string }[] | null;
        }[]
      >`
        with page as (
          select account_id, sequence, delta_minor, balance_minor from entry
          where (account_id, sequence) >= (${accountId}::uuid, ${sequence}::bigint)
          order by account_id, sequence limit ${limit + 1}),
        read as (
          select * from (
            select *, lag(sequence, 1, 0::bigint) over w as before,
              lag(balance_minor, 1, 0::bigint) over w as was
            from page window w as (partition by account_id order by sequence)) as each
          where (account_id, sequence) <> (${accountId}::uuid, ${sequence}::bigint)),
        cut as (
          select account_id, sequence from page where (select count(*) from page) > ${limit}
          order by account_id desc, sequence desc limit 1),
        fault as (
          (${entryFaults})
          union all
          select a.account_id, 0, 'is not what its last entry left'
          from account a left join lateral (
            select e.sequence, e.balance_minor from entry e where e.account_id = a.account_id
            order by e.sequence desc limit 1) e on true
          where a.account_id >= ${accountId}::uuid
            and not exists (select from cut where a.account_id >= cut.account_id)
            and (a.sequence <> coalesce(e.sequence, 0)
              or a.posted_minor <> coalesce(e.balance_minor, 0))
          limit ${limits.violationsMax})
        select (select count(distinct account_id) from read)::integer as accounts,
          (select count(*) from read)::integer as entries,
          (select account_id from cut) as last_account_id, (select sequence from cut) as last_sequence,
          (select json_agg(json_build_object('account_id', account_id, 'sequence', sequence::text,
            'explanation', explanation)) from fault) as violations`;
      const { accounts, entries, last_account_id, last_sequence, violations } = row!;
      return {
        accountCount: accounts,
        entryCount: entries,
        violations: (violations ?? []).map((each) =>
          toViolation({ ...each, sequence: BigInt(each.sequence) }),
        ),
        last:
          last_account_id === null
            ? undefined
            : { accountId: last_account_id, sequence: last_sequence! },
      };
    },

    async fresh() {
      const rows = await sql<ViolationRow[]>`
        with due as (
          select a.account_id, a.sequence, a.posted_minor, coalesce(c.sequence, 0) as done,
            coalesce(c.balance_minor, 0) as balance
          from account a left join checked_entry c using (account_id)
          where a.sequence > coalesce(c.sequence, 0) limit ${limits.checkedAccountsMax}),
        page as (
          select due.account_id, due.done, due.balance, e.sequence, e.delta_minor, e.balance_minor
          from due cross join lateral (
            select * from entry e where e.account_id = due.account_id and e.sequence > due.done
            order by e.sequence limit ${limits.checkedEntriesDefault}) e
          limit ${limits.checkedEntriesDefault}),
        read as (
          select account_id, sequence, delta_minor, balance_minor,
            lag(sequence, 1, done) over w as before, lag(balance_minor, 1, balance) over w as was
          from page window w as (partition by account_id order by sequence)),
        fault as (
          (${entryFaults})
          union all
          select due.account_id, 0, 'is not what its last entry left'
          from due left join lateral (
            select e.sequence, e.balance_minor from entry e where e.account_id = due.account_id
            order by e.sequence desc limit 1) e on true
          where e.sequence is distinct from due.sequence
            or e.balance_minor is distinct from due.posted_minor),
        checked as (
          insert into checked_entry (account_id, sequence, balance_minor)
          select distinct on (account_id) account_id, sequence, balance_minor from read
          where account_id not in (select account_id from fault)
          order by account_id, sequence desc
          on conflict (account_id) do update
            set sequence = excluded.sequence, balance_minor = excluded.balance_minor
            where checked_entry.sequence < excluded.sequence)
        select account_id, sequence, explanation from fault limit ${limits.violationsMax}`;
      return rows.map(toViolation);
    },
  };
}

function toViolation({ account_id, sequence, explanation }: ViolationRow): Violation {
  return { accountId: account_id ?? undefined, sequence, explanation };
}
