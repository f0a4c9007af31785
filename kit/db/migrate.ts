import { hash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import postgres from 'postgres';

/** An applied migration was edited afterwards: schemas made before and after the edit would differ. */
export class MigrationChanged extends Error {
  constructor(schema: string, name: string) {
    super(
      `${schema}: migration ${name} was applied and has been changed since; write a new one instead, or begin with an empty database`,
    );
  }
}

/** The database refuses a migration, nothing of which is applied then; the message is the database's own, which may hold data. */
export class MigrationFailed extends Error {
  /** "services/commerce/order/migrations/0002_lease.sql:3"; without a line where the database names none. */
  readonly place: string;

  constructor({ file, text }: Migration, cause: postgres.PostgresError) {
    const before = text.slice(0, Number(cause.position ?? 0));
    const place = `${relative('', file)}${cause.position ? `:${before.split('\n').length}` : ''}`;
    super(`${place}: ${cause.message}`, { cause });
    this.place = place;
  }
}

/** Which schema of which database, and the migrations it is to have. */
export interface MigrateOptions {
  /** A URL whose user may create schemas and roles. */
  url: string;
  schema: string;
  /** Owner of the schema; made when missing, may log in nowhere, and is granted to the user of the URL. */
  role: string;
  /** Folders of `NNNN_name.sql`, applied in the order of the folders, then of the names. */
  folders: readonly (URL | string)[];
}

const kitMigrations = new URL('./migrations/', import.meta.url);

/**
 * Brings a schema up to date: the kit's own tables, then the service's migrations, each in a transaction of its own,
 * each once, forward only. Processes that start together wait for each other. Answers the names applied now. Throws
 * MigrationChanged and MigrationFailed.
 */
export async function migrate(options: MigrateOptions): Promise<string[]> {
  const sql = postgres(options.url, { max: 1, onnotice: () => {}, connect_timeout: 10 });
  try {
    await sql`select pg_advisory_lock(hashtextextended(${`migrate ${options.schema}`}, 0))`;
    await prepare(sql, options);
    const applied: string[] = [];
    for (const migration of [kitMigrations, ...options.folders].flatMap(readFolder)) {
      if (await apply(sql, options, migration)) applied.push(migration.name);
    }
    return applied;
  } finally {
    await sql.end({ timeout: 5 });
  }
}

async function prepare(sql: postgres.Sql, { schema, role }: MigrateOptions): Promise<void> {
  // Roles belong to the whole cluster, so another database's migration may be making the same one just now.
  await sql.unsafe(`do $$ begin create role "${role}" nologin;
    exception when duplicate_object or unique_violation then null; end $$`);
  await sql.unsafe(`do $$ begin grant "${role}" to current_user;
    exception when unique_violation then null; end $$`);
  await sql.unsafe(`create schema if not exists "${schema}" authorization "${role}"`);
  await sql.unsafe(`set search_path to "${schema}"`);
  await sql.unsafe(`set role "${role}"`);
  await sql`create table if not exists schema_migration (
    name text primary key, checksum text not null, applied_at timestamptz not null default now())`;
}

interface Migration {
  name: string;
  file: string;
  text: string;
  checksum: string;
}

function readFolder(folder: URL | string): Migration[] {
  const path = typeof folder === 'string' ? folder : fileURLToPath(folder);
  return readdirSync(path)
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .map((name) => {
      const file = join(path, name);
      const text = readFileSync(file, 'utf8');
      return { name, file, text, checksum: hash('sha256', text, 'hex') };
    });
}

async function apply(
  sql: postgres.Sql,
  { schema }: MigrateOptions,
  migration: Migration,
): Promise<boolean> {
  const { name, text, checksum } = migration;
  const [known] = await sql`select checksum from schema_migration where name = ${name}`;
  if (known !== undefined) {
    if (known.checksum !== checksum) throw new MigrationChanged(schema, name);
    return false;
  }
  await sql.begin(async (tx) => {
    await tx.unsafe(text).catch((error) => {
      throw error instanceof postgres.PostgresError ? new MigrationFailed(migration, error) : error;
    });
    await tx`insert into schema_migration (name, checksum) values (${name}, ${checksum})`;
  });
  return true;
}
