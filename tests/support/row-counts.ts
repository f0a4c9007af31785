import type postgres from 'postgres';

/** Tables that remember calls rather than effects: answers for repeats, and passwords that were tried. */
const bookkeeping = new Set(['request_log', 'sign_in_attempt']);

/** The number of rows of every table of every service, by "schema.table". */
export async function countRows(sql: postgres.Sql): Promise<Record<string, number>> {
  const tables = await sql<{ schema: string; name: string }[]>`
    select schemaname as schema, tablename as name from pg_tables
    where schemaname not in ('pg_catalog', 'information_schema') order by 1, 2`;
  const counts: Record<string, number> = {};
  for (const { schema, name } of tables.filter((table) => !bookkeeping.has(table.name))) {
    const [row] = await sql`select count(*)::integer as count from ${sql(schema)}.${sql(name)}`;
    counts[`${schema}.${name}`] = row!.count;
  }
  return counts;
}
