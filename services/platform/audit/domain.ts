/** Entries of the audit log, and the leaves that they are hashed as. Pure. */
import { DomainError } from '#kit/errors.ts';

export const limits = {
  entriesPerSealMax: 2_000, // leaves of one checkpoint: half a second of work at most
  sealEveryMs: 250, // a leaf is sealed within a second of the act, events included
  entriesPerInsertMax: 1_000, // entries whose parts are sealed by one statement
  leafBytesMax: 65_535, // what an entry bundle can hold
  pageSizeDefault: 50,
} as const;

/** There is no such entry, or it is not sealed yet. */
export class EntryNotFound extends DomainError<{ entry_id: string }> {
  readonly code = 'not_found';
  readonly reason = 'ENTRY_NOT_FOUND';
}

/** The tree never was of the size that a proof is wanted for. */
export class TreeSizeOutOfRange extends DomainError<{ tree_size: string; limit: string }> {
  readonly code = 'out_of_range';
  readonly reason = 'TREE_SIZE_OUT_OF_RANGE';
}

/** What should be a JSON object is none. */
export class DetailsInvalid extends DomainError<{ field: string }> {
  readonly code = 'invalid_argument';
  readonly reason = 'DETAILS_INVALID';
}

/** What was done, by whom and to what. Texts that are empty are not known. */
export interface Act {
  readonly entryId: string;
  /** Milliseconds since the epoch. */
  readonly actedAt: number;
  readonly userId: string;
  readonly service: string;
  /** "order.cancel" */
  readonly action: string;
  readonly resource: string;
  readonly resourceId: string;
  readonly subjectId: string;
  /** A JSON object. */
  readonly details: string;
  readonly traceId: string;
}

/** An act with what describes persons, sealed: undefined where there is nothing, null where the person is erased. */
export interface Entry extends Act {
  readonly origin: Buffer | null | undefined;
  readonly personal: Buffer | null | undefined;
}

/** Whose keys seal where an act came from: who did it, or else whom it concerns. The mesh itself has keys as well. */
export function originSubject({ userId, subjectId }: Act): string {
  return keyOwner(userId || subjectId);
}

/** Whose keys seal what describes the subject of an act. */
export function personalSubject({ subjectId }: Act): string {
  return keyOwner(subjectId);
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const mesh = '00000000-0000-0000-0000-000000000000';

function keyOwner(id: string): string {
  return uuid.test(id) ? id : mesh;
}

/** The leaf of an entry: one JSON object, whose text is hashed. The order of its fields is a part of it. */
export function toLeaf(entry: Entry): string {
  const { details, origin, personal } = entry;
  const head = JSON.stringify({
    entry_id: entry.entryId,
    acted_ms: entry.actedAt,
    user_id: entry.userId,
    service: entry.service,
    action: entry.action,
    resource: entry.resource,
    resource_id: entry.resourceId,
    subject_id: entry.subjectId,
    trace_id: entry.traceId,
    origin: sealedText(origin),
    personal: sealedText(personal),
  });
  return cleanJson(`${head.slice(0, -1)},"details":${details}}`);
}

function sealedText(sealed: Buffer | null | undefined): string | null {
  return sealed === undefined ? '' : (sealed?.toString('base64') ?? null);
}

/** Reads what toLeaf wrote. */
export function fromLeaf(leaf: string): Entry {
  const read = JSON.parse(leaf) as Record<string, string> & { acted_ms: number; details: object };
  const sealed = (text: string | null | undefined) =>
    text === null ? null : text ? Buffer.from(text, 'base64') : undefined;
  return {
    entryId: read.entry_id!,
    actedAt: read.acted_ms,
    userId: read.user_id!,
    service: read.service!,
    action: read.action!,
    resource: read.resource!,
    resourceId: read.resource_id!,
    subjectId: read.subject_id!,
    traceId: read.trace_id!,
    details: JSON.stringify(read.details),
    origin: sealed(read.origin),
    personal: sealed(read.personal),
  };
}

/** JSON as JSON.stringify writes it, without what PostgreSQL takes for no text: the character 0 and half surrogate pairs. */
function cleanJson(json: string): string {
  return json.replaceAll(/(?<!\\)((?:\\\\)*)\\u(?:0000|d[89a-f][0-9a-f]{2})/gi, '$1\\ufffd');
}

/** The JSON object that a service wants in an entry, in its shortest form. Throws DetailsInvalid. */
export function readDetails(json: string, field: string): string {
  try {
    const value: unknown = JSON.parse(json || '{}');
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return JSON.stringify(value);
    }
  } catch {
    // Said below.
  }
  throw new DetailsInvalid({ field });
}
