import type { Table } from 'drizzle-orm';

type ColumnOf<T extends Table> = T['_']['columns'][keyof T['_']['columns']];

/**
 * A row as SQL gives it, by the service's `schema.ts`: columns by their names in the database, null where one may be
 * absent. The drift test holds `schema.ts` to the migrations, so what reads a column that is there no longer does not
 * compile. Where a statement does not read all columns, leave the others out: `Omit<RowOf<typeof payment>, 'epoch'>`.
 * Types alone: no service loads drizzle.
 */
export type RowOf<T extends Table> = {
  [Column in ColumnOf<T> as Column['_']['name']]: Column['_']['notNull'] extends true
    ? Column['_']['data']
    : Column['_']['data'] | null;
};
