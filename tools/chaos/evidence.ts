/** What the invariants look at: the databases of all services, the bus, the provider and the answers that callers got. */
import postgres from 'postgres';
import { type Bus, connectBus } from '#kit/bus/bus.ts';
import type { Mesh } from '../mesh/mesh.ts';
import type { Acknowledged, Desk } from './desk.ts';
import type { Load } from './load.ts';
import type { Shop } from './shop.ts';

export interface Evidence {
  /** Of the superuser, across all schemas. */
  readonly sql: postgres.Sql;
  readonly bus: Bus;
  readonly acknowledged: readonly Acknowledged[];
  readonly load: Load;
  readonly shop: Shop;
  /** Totals of the card provider by currency, as it tells them itself. */
  provider(): Promise<Record<string, { captured_minor: string; refunded_minor: string }>>;
  close(): Promise<void>;
}

export async function openEvidence(
  mesh: Mesh,
  { desk, shop, load }: { desk: Desk; shop: Shop; load: Load },
): Promise<Evidence> {
  const sql = postgres(mesh.servers.databaseUrl, { max: 2, onnotice: () => {} });
  const bus = await connectBus({ url: mesh.servers.natsUrl, name: 'chaos' });
  return {
    sql,
    bus,
    acknowledged: desk.acknowledged,
    load,
    shop,
    async provider() {
      const response = await fetch(`${mesh.providerUrl}/v1/summary`);
      return (await response.json()) as Awaited<ReturnType<Evidence['provider']>>;
    },
    async close() {
      await sql.end();
      await bus.close();
    },
  };
}
