import { getTableConfig, type PgTable } from 'drizzle-orm/pg-core';
import type postgres from 'postgres';

/** Tables that the kit's own migrations put into a schema. */
const tablesOfKit = new Set([
  'outbox',
  'inbox',
  'request_log',
  'schema_migration',
  'vault_subject',
]);

/** "table.column", and how it is declared: "uuid not null primary key". */
type Columns = Map<string, string>;

/**
 * Compares drizzle tables with a migrated schema: tables, columns, types, nullability and primary keys. Answers what
 * differs, a sentence each; empty when they agree.
 */
export async function findDrift(
  sql: postgres.Sql,
  schema: string,
  tables: readonly PgTable[],
): Promise<string[]> {
  const declared = declaredColumns(tables);
  const there = await migratedColumns(sql, schema);
  return [...new Set([...declared.keys(), ...there.keys()])].sort().flatMap((column) => {
    const [ours, theirs] = [declared.get(column), there.get(column)];
    if (ours === theirs) return [];
    if (theirs === undefined) return [`${column} is in schema.ts and not in the migrations`];
    if (ours === undefined) return [`${column} is in the migrations and not in schema.ts`];
    return [`${column} is "${ours}" in schema.ts and "${theirs}" in the migrations`];
  });
}

function declaredColumns(tables: readonly PgTable[]): Columns {
  const found: Columns = new Map();
  for (const table of tables) {
    const { name, columns, primaryKeys } = getTableConfig(table);
    const keys = new Set(primaryKeys.flatMap((key) => key.columns.map((column) => column.name)));
    for (const column of columns) {
      const isKey = column.primary || keys.has(column.name);
      const isNotNull = column.notNull || isKey;
      found.set(`${name}.${column.name}`, describe(column.getSQLType(), isNotNull, isKey));
    }
  }
  return found;
}

async function migratedColumns(sql: postgres.Sql, schema: string): Promise<Columns> {
  const rows = await sql<
    { table: string; column: string; type: string; isNotNull: boolean; isKey: boolean }[]
  >`
    select c.relname as table, a.attname as column, format_type(a.atttypid, a.atttypmod) as type,
      a.attnotnull as "isNotNull", coalesce(a.attnum = any(i.indkey), false) as "isKey"
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    left join pg_index i on i.indrelid = c.oid and i.indisprimary
    where c.relnamespace = ${schema}::regnamespace and c.relkind in ('r', 'p')`;
  return new Map(
    rows
      .filter(({ table }) => !tablesOfKit.has(table))
      .map((row) => [`${row.table}.${row.column}`, describe(row.type, row.isNotNull, row.isKey)]),
  );
}

function describe(type: string, isNotNull: boolean, isKey: boolean): string {
  return [type, isNotNull && 'not null', isKey && 'primary key'].filter(Boolean).join(' ');
}
