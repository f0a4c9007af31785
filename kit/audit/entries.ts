/** Entries for the audit log: made by the kit, published with the effect that they tell of, kept by platform.audit. */
import type { Message } from '@bufbuild/protobuf';
import { EntriesMadeSchema } from '#gen/platform/audit/v1/made_pb.ts';
import { event, type OutgoingEvent } from '../bus/event.ts';
import type { Database, Tx } from '../db/database.ts';
import { publish } from '../db/outbox.ts';
import type { Sealer } from '../identity/sealer.ts';
import { uuidv7 } from '../ids.ts';
import { limits } from '../limits.ts';
import { detailsOf } from './details.ts';
import type { EntryDraft } from './draft.ts';
import { sealEntries, writeEntry } from './made-entry.ts';

/** The service that keeps the log, and whose stream the entries are published on. */
export const auditService = 'platform.audit';

/** A call that has succeeded, and how it was answered. */
export interface Audited {
  draft: EntryDraft;
  response: Message;
}

/**
 * Publishes the entries of calls in the transaction of their effect, and together with its commit: one event for all that
 * fit. Nothing is published by a server that was given no sealer for it.
 */
export function publishEntries(database: Database, tx: Tx, audited: readonly Audited[]): void {
  const sealer = audited[0]?.draft.call.auditSealer;
  if (sealer === undefined) return;
  const events: OutgoingEvent[] = [];
  let written: string[] = [];
  let bytes = 0;
  for (const one of audited) {
    const entry = toEntry(one);
    const length = Buffer.byteLength(entry) + 1;
    if (written.length > 0 && bytes + length > limits.auditEventBytesMax) {
      events.push(entriesMade(sealer, written));
      written = [];
      bytes = 0;
    }
    written.push(entry);
    bytes += length;
  }
  events.push(entriesMade(sealer, written));
  publish(database, tx, events);
}

function toEntry({ draft, response }: Audited): string {
  const { rule, call, schema, request, actedAt } = draft;
  const { user, service = '' } = call.caller;
  const userId = user?.id ?? '';
  const of = { request, response, userId };
  const { address, userAgent } = call.origin;
  const { ordinary, personal } = detailsOf(schema, request);
  return writeEntry({
    entryId: uuidv7(),
    actedAt,
    userId,
    service,
    action: rule.action,
    resource: rule.resource,
    resourceId: cut(rule.resourceIdOf(of)),
    subjectId: cut(rule.subjectIdOf(of) || userId),
    traceId: call.trace?.traceId ?? '',
    address,
    userAgent,
    details: ordinary,
    personal,
  });
}

function cut(id: string): string {
  return id.slice(0, limits.auditIdLengthMax);
}

/** The event that takes entries along, as writeEntry wrote them. Its key is its own id: it is about many things. */
export function entriesMade(sealer: Sealer, written: readonly string[]): OutgoingEvent {
  const id = uuidv7();
  const sealedEntries = sealEntries(sealer, written, id);
  return { ...event(EntriesMadeSchema, id, { sealedEntries }), id };
}
