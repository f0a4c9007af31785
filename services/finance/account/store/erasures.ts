import type { Database, Tx } from '#kit/db/database.ts';

/** Customers who were erased. */
export interface ErasureStore {
  isErased(tx: Tx, ownerId: string): Promise<boolean>;
  /** Notes that the keys of a customer are gone here. `now` is in milliseconds since the epoch. */
  begin(tx: Tx, ownerId: string, now: number): Promise<void>;
  /** Notes that they are gone everywhere. */
  finish(ownerId: string, now: number): Promise<void>;
  /** Of this customer, or of anybody, whose erasure is not finished; the oldest first. */
  findUnfinished(limit: number, ownerId?: string): Promise<string[]>;
  countUnfinished(): Promise<number>;
}

/** Keeps them in the schema of the database, of which each `tx` must be a transaction. */
export function createErasureStore(database: Database): ErasureStore {
  const { sql } = database;
  return {
    async isErased(tx, ownerId) {
      const rows = await tx`select from erasure where owner_id = ${ownerId}`;
      return rows.length > 0;
    },

    async begin(tx, ownerId, now) {
      await tx`insert into erasure (owner_id, erased_at) values (${ownerId}, ${new Date(now)})`;
    },

    finish: (ownerId, now) =>
      database.transaction(async (tx) => {
        await tx`
          update erasure set finished_at = ${new Date(now)}
          where owner_id = ${ownerId} and finished_at is null`;
      }),

    async findUnfinished(limit, ownerId) {
      const rows = await sql<{ owner_id: string }[]>`
        select owner_id from erasure
        where finished_at is null ${ownerId === undefined ? sql`` : sql`and owner_id = ${ownerId}`}
        order by erased_at limit ${limit}`;
      return rows.map((row) => row.owner_id);
    },

    async countUnfinished() {
      const [row] = await sql<{ count: number }[]>`
        select count(*)::integer as count from erasure where finished_at is null`;
      return row!.count;
    },
  };
}
