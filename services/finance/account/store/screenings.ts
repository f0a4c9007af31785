import type { Database, Tx } from '#kit/db/database.ts';
import type { RowOf } from '#kit/db/row.ts';
import type { screening } from '../schema.ts';

/** All customers being screened anew, because of an event. */
export interface Screening {
  readonly eventId: string;
  /** The last account that was screened; undefined before the first. */
  readonly after: string | undefined;
}

/** How far the screening of all customers has come. */
export interface ScreeningStore {
  /** Begins from the first account, whatever is under way: that has its end in this one. */
  begin(tx: Tx, eventId: string): Promise<void>;
  current(): Promise<Screening | undefined>;
  /** Moves on to `after`, or ends with undefined; unless another process has, or another list has come. */
  advance(from: Screening, after: string | undefined): Promise<void>;
  isUnderWay(): Promise<boolean>;
}

/** Keeps it in the schema of the database, of which each `tx` must be a transaction. */
export function createScreeningStore(database: Database): ScreeningStore {
  const { sql } = database;

  async function current(): Promise<Screening | undefined> {
    const [row] = await sql<RowOf<typeof screening>[]>`select * from screening`;
    return row && { eventId: row.event_id, after: row.after_account_id ?? undefined };
  }

  return {
    async begin(tx, eventId) {
      await tx`
        insert into screening (event_id) values (${eventId})
        on conflict (is_current) do update set event_id = excluded.event_id, after_account_id = null`;
    },

    current,

    advance: ({ eventId, after: from = null }, after) =>
      database.transaction(async (tx) => {
        const isSame = tx`event_id = ${eventId}
          and after_account_id is not distinct from ${from}::uuid`;
        if (after === undefined) await tx`delete from screening where ${isSame}`;
        else await tx`update screening set after_account_id = ${after} where ${isSame}`;
      }),

    isUnderWay: async () => (await current()) !== undefined,
  };
}
