import type { Database, Tx } from '#kit/db/database.ts';
import type { RowOf } from '#kit/db/row.ts';
import type { Reservation } from '../domain/check.ts';
import type { Claim } from '../domain/claims.ts';
import { limits } from '../domain.ts';
import type { decision, reservation } from '../schema.ts';
import { firstIdOf } from './ids.ts';

/** What is reserved in the windows until the ledger has spoken. Writers lock it before they lock windows. */
export interface ReservationStore {
  /** Notes reservations together with the commit. */
  insert(tx: Tx, reservations: readonly Reservation[]): void;
  /** Locks and reads the reservations of transactions; what has been settled is not among them. */
  lock(tx: Tx, transactionIds: readonly string[]): Promise<Reservation[]>;
  /** Ends reservations together with the commit. */
  remove(tx: Tx, reservations: readonly Reservation[]): void;
  /** Ends the reservations of transactions together with the commit: for who needs to know nothing of them. */
  removeOf(tx: Tx, transactionIds: readonly string[]): void;
  /** Notes that the ledger is to be asked later, together with the commit. */
  postpone(tx: Tx, transactionIds: readonly string[], dueAt: number): void;
  /** Those of whose transactions nothing has been heard in time, the oldest first, at most limits.sweepBatchMax. */
  findDue(now: number): Promise<Pick<Reservation, 'decisionId' | 'transactionId'>[]>;
}

type Row = RowOf<typeof reservation> &
  Pick<RowOf<typeof decision>, 'transaction_id' | 'decided_at'>;

/** Keeps them in the schema of `database`. */
export function createReservationStore(database: Database): ReservationStore {
  const { sql } = database;

  return {
    insert: (tx, reservations) => database.deferRows(tx, insertRows, reservations),

    async lock(tx, transactionIds) {
      const rows = await tx<Row[]>`
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

    removeOf(tx, transactionIds) {
      if (transactionIds.length === 0) return;
      const statement = tx`
        delete from reservation where decision_id in (
          select r.decision_id from decision d join reservation r on r.decision_id = d.decision_id
          where d.transaction_id = any(${transactionIds as string[]}::uuid[])
          order by r.decision_id for update of r)`;
      database.defer(tx, statement);
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
      const rows = await sql<Pick<Row, 'decision_id' | 'transaction_id'>[]>`
        select r.decision_id, d.transaction_id from reservation r join decision d on d.decision_id = r.decision_id
        where r.decision_id < ${firstIdOf(now - limits.reservationMsMax)}
          and r.due_at <= ${new Date(now)}
        order by r.decision_id limit ${limits.sweepBatchMax}`;
      return rows.map((row) => ({
        decisionId: row.decision_id,
        transactionId: row.transaction_id,
      }));
    },
  };
}

const separator = '_';

/** Neither subjects nor numbers have the separator in them. */
function claimsToText({ claims }: Reservation): string {
  return claims
    .map(({ subject, amountMinor }) => subject + separator + amountMinor)
    .join(separator);
}

function toClaims(text: string): Claim[] {
  if (text === '') return [];
  const parts = text.split(separator);
  const claims: Claim[] = [];
  for (let i = 0; i < parts.length; i += 2) {
    claims.push({ subject: parts[i]!, amountMinor: BigInt(parts[i + 1]!) });
  }
  return claims;
}

function toReservation(row: Row): Reservation {
  return {
    decisionId: row.decision_id,
    transactionId: row.transaction_id,
    claims: toClaims(row.claims),
    divisibleMinor: row.divisible_minor ?? undefined,
    reservedAt: row.decided_at.getTime(),
    dueAt: row.due_at.getTime(),
  };
}

function insertRows(tx: Tx, reservations: readonly Reservation[]) {
  return tx`
    insert into reservation (decision_id, claims, divisible_minor, due_at)
    select decision_id, claims, divisible_minor, to_timestamp(due_ms / 1000::float8)
    from unnest(
      ${reservations.map((r) => r.decisionId)}::uuid[],
      ${reservations.map((r) => claimsToText(r))}::text[],
      ${reservations.map((r) => r.divisibleMinor?.toString() ?? null)}::bigint[],
      ${reservations.map((r) => String(r.dueAt))}::bigint[]
    ) as t (decision_id, claims, divisible_minor, due_ms)`;
}
