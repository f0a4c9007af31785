import { byteaArray } from '#kit/db/arrays.ts';
import { asCollision } from '#kit/db/collision.ts';
import type { Database, Tx } from '#kit/db/database.ts';
import type { RowOf } from '#kit/db/row.ts';
import { type Book, openBook } from '../domain/book.ts';
import { dayOf, decodeUsage, encodeUsage, lastDayOf, type Usage } from '../domain/usage.ts';
import { limits } from '../domain.ts';
import type { velocity } from '../schema.ts';

/** The windows of all subjects. */
export interface VelocityStore {
  /** Locks the windows of subjects and opens the book on them. */
  open(tx: Tx, subjects: readonly string[]): Promise<Book>;
  /**
   * Writes what changed in the book together with the commit, which throws Collision when another writer made the same
   * row.
   */
  write(tx: Tx, book: Book): void;
  /** Removes windows in which nothing is left, at most limits.pruneBatchMax; answers how many. */
  prune(now: number): Promise<number>;
}

type VelocityRow = Pick<RowOf<typeof velocity>, 'subject' | 'usage'>;

/** Keeps them in the schema of `database`. */
export function createVelocityStore(database: Database): VelocityStore {
  const { sql } = database;

  return {
    async open(tx, subjects) {
      if (subjects.length === 0) return openBook(new Map());
      const rows = await tx<VelocityRow[]>`
        select subject, usage from velocity
        where subject = any(${subjects as string[]}::text[])
        order by subject for no key update`;
      return openBook(new Map(rows.map(({ subject, usage }) => [subject, decodeUsage(usage)])));
    },

    write(tx, book) {
      const rows = [...book.changed()].map(([subject, usage]) => ({ subject, usage }));
      const known = rows.filter(({ subject }) => book.isKnown(subject));
      const unknown = rows.filter(({ subject }) => !book.isKnown(subject));
      // A subject that had no row could not be locked: two writers may have met on it.
      database.deferRows(tx, insertRows, unknown, asCollision('velocity_pkey'));
      database.deferRows(tx, updateRows, known);
    },

    async prune(now) {
      const rows = await sql`
        delete from velocity where subject in (
          select subject from velocity where last_day < ${dayOf(now)}
          order by subject limit ${limits.pruneBatchMax} for update skip locked)`;
      return rows.count;
    },
  };
}

interface NewUsage {
  readonly subject: string;
  readonly usage: Usage;
}

function insertRows(tx: Tx, rows: readonly NewUsage[]) {
  return tx`
    insert into velocity (subject, usage, last_day)
    select subject, usage, last_day from ${asTable(tx, rows)}
    order by t.subject`;
}

function updateRows(tx: Tx, rows: readonly NewUsage[]) {
  return tx`
    update velocity v set usage = t.usage, last_day = t.last_day
    from ${asTable(tx, rows)} where v.subject = t.subject`;
}

/** Rows as those of a table `t`. */
function asTable(tx: Tx, rows: readonly NewUsage[]) {
  const usages = rows.map(({ usage }) => encodeUsage(usage));
  return tx`
    unnest(
      ${rows.map(({ subject }) => subject)}::text[],
      ${tx.typed(usages, byteaArray)},
      ${rows.map(({ usage }) => String(lastDayOf(usage)))}::integer[]
    ) as t (subject, usage, last_day)`;
}
