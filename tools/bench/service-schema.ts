/** The schema of one service, with nothing in it and nobody else on its server. */
import postgres from 'postgres';
import { createDatabase, type Database } from '#kit/db/database.ts';
import { migrate } from '#kit/db/migrate.ts';
import { root } from '../run.ts';
import { type Servers, startServers } from '../servers/servers.ts';
import { cpuSeconds } from './cpu.ts';

/** What a measurement below the RPCs works on. */
export interface ServiceSchema {
  /** As the service uses it. */
  database: Database;
  /** A plain pool, as one would use who knows nothing of the kit. */
  baseline: postgres.Sql<{ bigint: bigint }>;
  /** CPU seconds that the server has used so far; 0 when it is not ours. */
  serverSeconds(): number;
  /** Another schema of the same service, on the same server. */
  beside: InSchema;
}

/** Runs `measure` in a new schema, which is dropped afterwards. */
type InSchema = <Result>(measure: (schema: ServiceSchema) => Promise<Result>) => Promise<Result>;

/** The pool with which one call per item does best over many rows; over one, its connections wait for each other. */
const baselineConnections = 16;

/** Runs `measure` in a new schema, made by the migrations of a service ("finance.transaction"), and drops it. */
export async function inServiceSchema<Result>(
  service: string,
  measure: (schema: ServiceSchema) => Promise<Result>,
): Promise<Result> {
  const dataDir = `${root}.meshwork/bench`;
  const servers = await startServers({ dataDir, durable: true, env: process.env });
  try {
    return await schemasOn(servers, service)(measure);
  } finally {
    await servers.stop();
  }
}

function schemasOn({ databaseUrl: url, managed }: Servers, service: string): InSchema {
  const folder = new URL(
    `../../services/${service.replace('.', '/')}/migrations/`,
    import.meta.url,
  );
  const server = managed.find(({ name }) => name === 'postgres');
  const inSchema: InSchema = async (measure) => {
    const schema = `bench_${Date.now()}`;
    await migrate({ url, schema, role: schema, folders: [folder] });
    const database = createDatabase({ url, schema });
    const baseline = postgres(url, {
      max: baselineConnections,
      connection: { search_path: schema },
      fetch_types: false,
      types: { bigint: postgres.BigInt },
    });
    const serverSeconds = () => (server ? cpuSeconds(server.pid) : 0);
    try {
      return await measure({ database, baseline, serverSeconds, beside: inSchema });
    } finally {
      await database.sql.unsafe(`drop schema ${schema} cascade`);
      await Promise.all([database.close(), baseline.end()]);
    }
  };
  return inSchema;
}
