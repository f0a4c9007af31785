import type { Evidence } from './evidence.ts';
import { Overdue, until } from './patience.ts';

/** Resolves when nothing is left to be done anywhere. Throws Overdue, which says what still is. */
export async function settle(evidence: Evidence, timeoutMs: number): Promise<void> {
  let busy: string[] = [];
  try {
    await until('everything settles', timeoutMs, async () => {
      busy = await findBusy(evidence);
      return busy.length === 0;
    });
  } catch (error) {
    if (!(error instanceof Overdue)) throw error;
    throw new Overdue(`${error.message}; still busy: ${busy.join(', ')}`);
  }
}

async function findBusy({ sql, bus }: Evidence): Promise<string[]> {
  const outboxes = await sql<{ schema: string }[]>`
    select table_schema as schema from information_schema.tables where table_name = 'outbox'`;
  const counts = await Promise.all([
    count('open sagas', sql`select from commerce_order.customer_order where step <> 'DONE'`),
    count('payments at work', sql`select from finance_payment.payment where due_at is not null`),
    count('events of the provider', sql`select from sandbox_provider.webhook`),
    count('reservations', sql`select from commerce_inventory.reservation where state = 'ACTIVE'`),
    ...outboxes.map(({ schema }) =>
      count(`outbox of ${schema}`, sql`select from ${sql(schema)}.outbox`),
    ),
  ]);
  for await (const stream of bus.manager.streams.list()) {
    for await (const consumer of bus.manager.consumers.list(stream.config.name)) {
      const waiting = consumer.num_pending + consumer.num_ack_pending;
      counts.push([`consumer ${consumer.name}`, waiting]);
    }
  }
  return counts.filter(([, found]) => found > 0).map(([what, found]) => `${what} (${found})`);
}

async function count(
  what: string,
  rows: PromiseLike<readonly unknown[]>,
): Promise<[string, number]> {
  return [what, (await rows).length];
}
