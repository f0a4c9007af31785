/** What the invariants look at: the databases of all services, the bus, and the answers that callers got. */
import postgres from 'postgres';
import { type Bus, connectBus } from '#kit/bus/bus.ts';
import { registry } from '#services/registry.ts';
import type { Mesh } from '../mesh/mesh.ts';
import type { Acknowledged, Desk } from './desk.ts';
import type { Load } from './load.ts';
import type { System } from './system.ts';

export interface Evidence {
  /** Of the superuser, across all schemas. */
  readonly sql: postgres.Sql;
  readonly bus: Bus;
  /** The services that run. */
  readonly services: readonly string[];
  readonly acknowledged: readonly Acknowledged[];
  readonly load: Load;
  close(): Promise<void>;
}

export async function openEvidence(
  mesh: Mesh,
  { system, desk, load }: { system: System; desk: Desk; load: Load },
): Promise<Evidence> {
  const sql = postgres(mesh.servers.databaseUrl, { max: 2, onnotice: () => {} });
  const bus = await connectBus({ url: mesh.servers.natsUrl, name: 'chaos' });
  return {
    sql,
    bus,
    services: system.services ?? registry.map(({ name }) => name),
    acknowledged: desk.acknowledged,
    load,
    async close() {
      await sql.end();
      await bus.close();
    },
  };
}
