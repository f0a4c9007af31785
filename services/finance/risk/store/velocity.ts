import { byteaArray } from '#kit/db/arrays.ts';
import { asCollision } from '#kit/db/collision.ts';
import type { Database, Tx } from '#kit/db/database.ts';
import type { RowOf } from '#kit/db/row.ts';
import { type Book, openBook } from '../domain/book.ts';
import { dayOf, decodeUsage, encodeUsage, lastDayOf } from '../domain/usage.ts';
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

  /** A subject that had no row could not be locked: two writers may have met on it. */
  function insertSubjects(tx: Tx, subjects: readonly string[], book: Book): void {
    if (subjects.length === 0) return;
    const statement = tx`
      insert into velocity (subject, usage, last_day)
      select subject, usage, last_day from ${asTable(tx, subjects, book)}
      order by t.subject`;
    database.defer(tx, statement, asCollision('velocity_pkey'));
  }

  function updateSubjects(tx: Tx, subjects: readonly string[], book: Book): void {
    if (subjects.length === 0) return;
    const statement = tx`
      update velocity v set usage = t.usage, last_day = t.last_day
      from ${asTable(tx, subjects, book)} where v.subject = t.subject`;
    database.defer(tx, statement);
  }

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
      const subjects = [...book.changed().keys()];
      insertSubjects(
        tx,
        subjects.filter((subject) => !book.isKnown(subject)),
        book,
      );
      updateSubjects(
        tx,
        subjects.filter((subject) => book.isKnown(subject)),
        book,
      );
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

/** The usage of subjects as the rows of a table `t`. */
function asTable(tx: Tx, subjects: readonly string[], book: Book) {
  const usages = subjects.map((subject) => book.changed().get(subject)!);
  return tx`
    unnest(
      ${subjects as string[]}::text[],
      ${tx.typed(usages.map(encodeUsage), byteaArray)},
      ${usages.map((usage) => String(lastDayOf(usage)))}::integer[]
    ) as t (subject, usage, last_day)`;
}
