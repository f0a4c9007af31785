import { byteaArray } from '#kit/db/arrays.ts';
import { asCollision } from '#kit/db/collision.ts';
import type { Database, Tx } from '#kit/db/database.ts';
import type { RowOf } from '#kit/db/row.ts';
import { type Book, openBook } from '../domain/book.ts';
import type { Reservation } from '../domain/check.ts';
import type { Claim } from '../domain/claims.ts';
import { dayOf, decodeUsage, encodeUsage, lastDayOf } from '../domain/usage.ts';
import { limits } from '../domain.ts';
import type { decision, reservation, velocity } from '../schema.ts';
import { firstIdOf } from './ids.ts';

/** Windows, and what is reserved in them. Writers lock reservations by decision first, then subjects by their keys. */
export interface VelocityStore {
  /** Locks the windows of subjects and opens the book on them. */
  open(tx: Tx, subjects: readonly string[]): Promise<Book>;
  /**
   * Writes what changed in the book, and notes the new reservations, together with the commit. That throws Collision
   * when another writer made the same row.
   */
  write(tx: Tx, book: Book, reservations: readonly Reservation[]): void;
  /** Locks and reads the reservations of transactions; what has been settled is not among them. */
  lockReservations(tx: Tx, transactionIds: readonly string[]): Promise<Reservation[]>;
  /** Ends reservations together with the commit. */
  remove(tx: Tx, reservations: readonly Reservation[]): void;
  /** Notes that the ledger is to be asked later, together with the commit. */
  postpone(tx: Tx, transactionIds: readonly string[], dueAt: number): void;
  /** Transactions of which nothing has been heard in time, the oldest first, at most limits.sweepBatchMax. */
  findDue(now: number): Promise<string[]>;
  /** Removes windows in which nothing is left, at most limits.pruneBatchMax; answers how many. */
  prune(now: number): Promise<number>;
}

type VelocityRow = Pick<RowOf<typeof velocity>, 'subject' | 'usage'>;

type ReservationRow = RowOf<typeof reservation> &
  Pick<RowOf<typeof decision>, 'transaction_id' | 'decided_at'>;

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

  function insertReservations(tx: Tx, reservations: readonly Reservation[]): void {
    if (reservations.length === 0) return;
    const statement = tx`
      insert into reservation (decision_id, claims, divisible_minor, due_at)
      select decision_id, claims, divisible_minor, to_timestamp(due_ms / 1000.0)
      from unnest(
        ${reservations.map((r) => r.decisionId)}::uuid[],
        ${reservations.map((r) => claimsToText(r))}::text[],
        ${reservations.map((r) => r.divisibleMinor?.toString() ?? null)}::bigint[],
        ${reservations.map((r) => String(r.dueAt))}::bigint[]
      ) as t (decision_id, claims, divisible_minor, due_ms)`;
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

    write(tx, book, reservations) {
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
      insertReservations(tx, reservations);
    },

    async lockReservations(tx, transactionIds) {
      const rows = await tx<ReservationRow[]>`
        select r.decision_id, d.transaction_id, d.decided_at, r.claims, r.divisible_minor, r.due_at
        from decision d join reservation r on r.decision_id = d.decision_id
        where d.transaction_id = any(${transactionIds as string[]}::uuid[])
        order by r.decision_id for update of r`;
      return rows.map(toReservation);
    },

    remove(tx, reservations) {
      if (reservations.length === 0) return;
      const ids = reservations.map(({ decisionId }) => decisionId);
      database.defer(tx, tx`delete from reservation where decision_id = any(${ids}::uuid[])`);
    },

    postpone(tx, transactionIds, dueAt) {
      if (transactionIds.length === 0) return;
      const statement = tx`
        update reservation r set due_at = ${new Date(dueAt)} from decision d
        where d.transaction_id = any(${transactionIds as string[]}::uuid[])
          and r.decision_id = d.decision_id`;
      database.defer(tx, statement);
    },

    async findDue(now) {
      // Those of which the ledger said that they wait are passed over again and again: there are not so many.
      const rows = await sql<Pick<ReservationRow, 'transaction_id'>[]>`
        select d.transaction_id from reservation r join decision d on d.decision_id = r.decision_id
        where r.decision_id < ${firstIdOf(now - limits.reservationMsMax)}
          and r.due_at <= ${new Date(now)}
        order by r.decision_id limit ${limits.sweepBatchMax}`;
      return rows.map((row) => row.transaction_id);
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

const separator = '_';

/** Neither subjects nor numbers have the separator in them. */
function claimsToText({ claims }: Reservation): string {
  return claims
    .map(({ subject, amountMinor }) => subject + separator + amountMinor)
    .join(separator);
}

function toClaims(text: string): Claim[] {
  const parts = text.split(separator);
  const claims: Claim[] = [];
  for (let i = 0; i < parts.length; i += 2) {
    claims.push({ subject: parts[i]!, amountMinor: BigInt(parts[i + 1]!) });
  }
  return claims;
}

function toReservation(row: ReservationRow): Reservation {
  return {
    decisionId: row.decision_id,
    transactionId: row.transaction_id,
    claims: toClaims(row.claims),
    divisibleMinor: row.divisible_minor ?? undefined,
    reservedAt: row.decided_at.getTime(),
    dueAt: row.due_at.getTime(),
  };
}
