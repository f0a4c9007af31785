/** Entries as every service of the mesh publishes them, for tests that need many. */
import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { EntriesMadeSchema, SealedPartsSchema } from '#gen/platform/audit/v1/made_pb.ts';
import { createEntrySealer } from '#kit/audit/entries.ts';
import { event, type OutgoingEvent } from '#kit/bus/event.ts';
import type { Database } from '#kit/db/database.ts';
import { publish } from '#kit/db/outbox.ts';
import { uuidv7 } from '#kit/ids.ts';
import { auditSecret } from '#kit/testing/network.ts';

/** One event with so many entries of a resource, the n-th about "<resource> n". */
export function entriesMade(
  resource: string,
  count: number,
  { secret = auditSecret, from = 0 } = {},
): OutgoingEvent {
  const id = uuidv7();
  const entries = Array.from({ length: count }, (_, i) => ({
    entryId: uuidv7(),
    actTime: timestampFromMs(Date.now()),
    service: 'testing.maker',
    action: `${resource}.make`,
    resource,
    resourceId: `${resource} ${from + i}`,
    subjectId: uuidv7(),
  }));
  const parts = entries.map(({ resourceId }) => ({
    address: '192.0.2.7',
    userAgent: 'browser',
    detailsJson: JSON.stringify({ resourceId }),
    personalJson: '{"name":"Ada"}',
  }));
  const sealer = createEntrySealer(secret);
  const bytes = toBinary(SealedPartsSchema, create(SealedPartsSchema, { parts }));
  const made = { entries, sealedParts: sealer.seal(bytes, id) };
  return { ...event(EntriesMadeSchema, entries[0]!.entryId, made), id };
}

/** Publishes events as a service does, in one transaction. */
export function publishAll(database: Database, events: readonly OutgoingEvent[]): Promise<void> {
  return database.transaction(async (tx) => publish(database, tx, events));
}
