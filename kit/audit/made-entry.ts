/** Entries on their way to the log: how they are written by whoever makes them, and read by the one who keeps them. */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { createSealer, type Sealer } from '../identity/sealer.ts';
import { limits } from '../limits.ts';

/** What a call has done, as its entry will say. Texts that are empty are not known. */
export interface MadeEntry {
  entryId: string;
  /** When the call came: milliseconds since the epoch. */
  actedAt: number;
  /** The person who called. */
  userId: string;
  /** The service of the mesh that called, for itself or for the person. */
  service: string;
  /** "order.cancel" */
  action: string;
  /** "order" */
  resource: string;
  resourceId: string;
  /** The person whom the request describes. */
  subjectId: string;
  /** 32 hex digits. */
  traceId: string;
  /** The IP address from which the call came. */
  address: string;
  /** The program by which it came, as that says. */
  userAgent: string;
  /** Fields of the request that describe nobody: a JSON object. */
  details: string;
  /** Those that describe its subject: a JSON object, or empty for none. */
  personal: string;
}

/**
 * Seals entries on their way. `secrets` are those that all processes of a mesh share, as createSealer takes them.
 */
export function createEntrySealer(secrets: string): Sealer {
  return createSealer(secrets, 'audit entries');
}

/** In this order an entry goes into an event, with details and personal behind. More may be added at the end. */
const order = [
  'entryId',
  'actedAt',
  'userId',
  'service',
  'action',
  'resource',
  'resourceId',
  'subjectId',
  'traceId',
  'address',
  'userAgent',
] as const satisfies (keyof MadeEntry)[];

/** Writes an entry as it goes into an event. What is JSON already is not written anew: each of thousands would pay for it. */
export function writeEntry(entry: MadeEntry): string {
  const head = JSON.stringify(order.map((name) => entry[name]));
  return `${head.slice(0, -1)},${entry.details},${entry.personal || 'null'}]`;
}

/**
 * Seals what writeEntry wrote; `eventId` is that of the event that takes them along. Those of a large batch are alike, and
 * compressed to a third: that costs less than to move them through the database.
 */
export function sealEntries(sealer: Sealer, written: readonly string[], eventId: string): Buffer {
  const plain = Buffer.from(`[${written.join(',')}]`);
  const isLong = plain.length >= limits.auditCompressBytesMin;
  return sealer.seal(isLong ? zstdCompressSync(plain, fastest) : plain, eventId);
}

const fastest = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
/** What a list in JSON begins with, and nothing that is compressed. */
const bracket = 0x5b;

function readPlain(opened: Buffer): string {
  if (opened[0] === bracket) return opened.toString();
  return zstdDecompressSync(opened, { maxOutputLength: limits.auditEventBytesMax * 2 }).toString();
}

/** Opens what sealEntries sealed. Throws SealBroken. */
export function openEntries(sealer: Sealer, sealed: Uint8Array, eventId: string): MadeEntry[] {
  const lists = JSON.parse(readPlain(sealer.open(sealed, eventId))) as unknown[][];
  return lists.map((list) => {
    const [details, personal] = list.slice(order.length);
    return {
      ...(Object.fromEntries(order.map((name, i) => [name, list[i]])) as unknown as MadeEntry),
      details: JSON.stringify(details),
      personal: personal === null ? '' : JSON.stringify(personal),
    };
  });
}
