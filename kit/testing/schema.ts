/** A database of its own for a test of the kit, with the kit's tables in one schema. */
import { randomBytes } from 'node:crypto';
import postgres from 'postgres';
import { createDatabase, type Database, type DatabaseOptions } from '../db/database.ts';
import { migrate } from '../db/migrate.ts';

/** A database with the kit's tables in one schema. `stop` removes it. */
export interface TestSchema {
  url: string;
  schema: string;
  /** Opens a further Database on the schema, as another process would. */
  open(options?: Partial<DatabaseOptions>): Database;
  stop(): Promise<void>;
}

/** Makes a database below `serverUrl` with the migrations of the kit and of `folders`. */
export async function createTestSchema(
  serverUrl: string,
  folders: readonly (URL | string)[] = [],
): Promise<TestSchema> {
  const name = `kit_${randomBytes(6).toString('hex')}`;
  const schema = 'testing_kit';
  const admin = postgres(serverUrl, { max: 1, onnotice: () => {} });
  await admin.unsafe(`create database ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  await migrate({ url: url.toString(), schema, role: schema, folders });
  const opened: Database[] = [];
  return {
    url: url.toString(),
    schema,
    open(options = {}) {
      const database = createDatabase({ url: url.toString(), schema, role: schema, ...options });
      opened.push(database);
      return database;
    },
    async stop() {
      await Promise.all(opened.map((database) => database.close()));
      await admin.unsafe(`drop database ${name} with (force)`);
      await admin.end({ timeout: 5 });
    },
  };
}
