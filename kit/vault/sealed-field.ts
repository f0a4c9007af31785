/** One field under one data key: version of the key (2 bytes), nonce (12), what is sealed, tag (16). */
import type { KeyObject } from 'node:crypto';
import { openBytes, SealBroken, sealBytes } from '../identity/aead.ts';

/** What a sealed field is bound to: as a field of anything or anybody else it does not open. */
export interface FieldPlace {
  /** The UUID of the person whom the field describes. */
  subject: string;
  table: string;
  /** What tells the record from the others of its table. */
  record: string;
  field: string;
}

const versionBytes = 2;

/** Seals a field of `schema` under the data key of this version, from 1 on. The same is sealed differently each time. */
export function sealField(
  { key, version, schema }: { key: KeyObject; version: number; schema: string },
  place: FieldPlace,
  plain: Uint8Array,
): Buffer {
  const head = Buffer.alloc(versionBytes);
  head.writeUInt16BE(version);
  return Buffer.concat([head, ...sealBytes(key, contextOf(schema, place, version), plain)]);
}

/** Opens a field with that of the data keys, oldest first, under which it was sealed. Throws SealBroken. */
export function openField(
  { keys, schema }: { keys: readonly KeyObject[]; schema: string },
  place: FieldPlace,
  sealed: Uint8Array,
): Buffer {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  if (bytes.length < versionBytes) throw new SealBroken();
  const version = bytes.readUInt16BE();
  const key = keys[version - 1];
  if (key === undefined) throw new SealBroken();
  return openBytes(key, contextOf(schema, place, version), bytes.subarray(versionBytes));
}

/** As JSON, in which one part cannot run into the next. */
function contextOf(schema: string, place: FieldPlace, version: number): string {
  const { subject, table, record, field } = place;
  return JSON.stringify([schema, subject.toLowerCase(), table, record, field, version]);
}
