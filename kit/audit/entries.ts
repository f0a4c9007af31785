/** Entries for the audit log: made by the kit, published with the effect that they tell of, kept by platform.audit. */
import { create, type Message, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  EntriesMadeSchema,
  type MadeEntrySchema,
  type SealedPartSchema,
  SealedPartsSchema,
} from '#gen/platform/audit/v1/made_pb.ts';
import { event, type OutgoingEvent } from '../bus/event.ts';
import type { Database, Tx } from '../db/database.ts';
import { publish } from '../db/outbox.ts';
import { createSealer, type Sealer } from '../identity/sealer.ts';
import { uuidv7 } from '../ids.ts';
import { limits } from '../limits.ts';
import { detailsOf } from './details.ts';
import type { EntryDraft } from './draft.ts';

/** The service that keeps the log, and whose stream the entries are published on. */
export const auditService = 'platform.audit';

/**
 * Seals what was written and by whom, on its way from any process to the one that keeps the log. `secrets` are those
 * that all of them share, as createSealer takes them.
 */
export function createEntrySealer(secrets: string): Sealer {
  return createSealer(secrets, 'audit entries');
}

/** A call that has succeeded, and how it was answered. */
export interface Audited {
  draft: EntryDraft;
  response: Message;
}

interface Entry {
  made: MessageInitShape<typeof MadeEntrySchema>;
  part: MessageInitShape<typeof SealedPartSchema>;
  bytes: number;
}

/**
 * Publishes the entries of calls in the transaction of their effect, and together with its commit: one event for all that
 * fit. Nothing is published by a server that was given no sealer for it.
 */
export function publishEntries(database: Database, tx: Tx, audited: readonly Audited[]): void {
  const sealer = audited[0]?.draft.call.auditSealer;
  if (sealer === undefined) return;
  const events: OutgoingEvent[] = [];
  let entries: Entry[] = [];
  let bytes = 0;
  for (const one of audited) {
    const entry = toEntry(one);
    if (entries.length > 0 && bytes + entry.bytes > limits.auditEventBytesMax) {
      events.push(toEvent(entries, sealer));
      entries = [];
      bytes = 0;
    }
    entries.push(entry);
    bytes += entry.bytes;
  }
  events.push(toEvent(entries, sealer));
  publish(database, tx, events);
}

function toEntry({ draft, response }: Audited): Entry {
  const { rule, call, schema, request, actedAt } = draft;
  const { user, service } = call.caller;
  const userId = user?.id ?? '';
  const made = {
    entryId: uuidv7(),
    actTime: timestampFromMs(actedAt),
    userId,
    service: service ?? '',
    action: rule.action,
    resource: rule.resource,
    resourceId: cut(rule.resourceIdOf({ request, response, userId })),
    subjectId: cut(rule.subjectIdOf({ request, response, userId }) || userId),
    traceId: call.trace?.traceId ?? '',
  };
  const { address, userAgent } = call.origin;
  const { ordinary: detailsJson, personal: personalJson } = detailsOf(schema, request);
  const part = { address, userAgent, detailsJson, personalJson };
  const bytes = [detailsJson, personalJson, made.resourceId, userAgent]
    .map((text) => Buffer.byteLength(text))
    .reduce((sum, length) => sum + length, entryBytes);
  return { made, part, bytes };
}

/** What an entry takes beside the texts that are counted. */
const entryBytes = 320;

function cut(id: string): string {
  return id.slice(0, limits.auditIdLengthMax);
}

function toEvent(entries: readonly Entry[], sealer: Sealer): OutgoingEvent {
  const id = uuidv7();
  const parts = create(SealedPartsSchema, { parts: entries.map(({ part }) => part) });
  const sealedParts = sealer.seal(toBinary(SealedPartsSchema, parts), id);
  const made = { entries: entries.map((entry) => entry.made), sealedParts };
  return { ...event(EntriesMadeSchema, entries[0]!.made.entryId!, made), id };
}
