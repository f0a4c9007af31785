/** Entries as every service of the mesh publishes them, for tests that need many. */
import { entriesMade } from '#kit/audit/entries.ts';
import { createEntrySealer, writeEntry } from '#kit/audit/made-entry.ts';
import type { OutgoingEvent } from '#kit/bus/event.ts';
import type { Database } from '#kit/db/database.ts';
import { publish } from '#kit/db/outbox.ts';
import { uuidv7 } from '#kit/ids.ts';
import { auditSecret } from '#kit/testing/network.ts';

/** One event with so many entries of a resource, the n-th about "<resource> n". */
export function madeOf(
  resource: string,
  count: number,
  { secret = auditSecret, from = 0 } = {},
): OutgoingEvent {
  const written = Array.from({ length: count }, (_, i) =>
    writeEntry({
      entryId: uuidv7(),
      actedAt: Date.now(),
      userId: '',
      service: 'testing.maker',
      action: `${resource}.make`,
      resource,
      resourceId: `${resource} ${from + i}`,
      subjectId: uuidv7(),
      traceId: '',
      address: '192.0.2.7',
      userAgent: 'browser',
      details: JSON.stringify({ resourceId: `${resource} ${from + i}` }),
      personal: '{"name":"Ada"}',
    }),
  );
  return entriesMade(createEntrySealer(secret), written);
}

/** Publishes events as a service does, in one transaction. */
export function publishAll(database: Database, events: readonly OutgoingEvent[]): Promise<void> {
  return database.transaction(async (tx) => publish(database, tx, events));
}
