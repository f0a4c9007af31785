/** One field under one data key: version of the key (2 bytes), nonce (12), what is sealed, tag (16). */
import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto';
import { SealBroken } from '../identity/sealer.ts';

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
const nonceBytes = 12;
const tagBytes = 16;
const cipher = 'aes-256-gcm';

/** Seals a field of `schema` under the data key of this version, from 1 on. The same is sealed differently each time. */
export function sealField(
  { key, version, schema }: { key: KeyObject; version: number; schema: string },
  place: FieldPlace,
  plain: Uint8Array,
): Buffer {
  const head = Buffer.alloc(versionBytes);
  head.writeUInt16BE(version);
  const nonce = randomBytes(nonceBytes);
  const sealing = createCipheriv(cipher, key, nonce).setAAD(contextOf(schema, place, version));
  const body = [sealing.update(plain), sealing.final()];
  return Buffer.concat([head, nonce, ...body, sealing.getAuthTag()]);
}

/** Opens a field with that of the data keys, oldest first, under which it was sealed. Throws SealBroken. */
export function openField(
  { keys, schema }: { keys: readonly KeyObject[]; schema: string },
  place: FieldPlace,
  sealed: Uint8Array,
): Buffer {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  if (bytes.length < versionBytes + nonceBytes + tagBytes) throw new SealBroken();
  const version = bytes.readUInt16BE();
  const key = keys[version - 1];
  if (key === undefined) throw new SealBroken();
  const bodyAt = versionBytes + nonceBytes;
  const nonce = bytes.subarray(versionBytes, bodyAt);
  const opening = createDecipheriv(cipher, key, nonce, { authTagLength: tagBytes })
    .setAAD(contextOf(schema, place, version))
    .setAuthTag(bytes.subarray(-tagBytes));
  try {
    return Buffer.concat([opening.update(bytes.subarray(bodyAt, -tagBytes)), opening.final()]);
  } catch {
    throw new SealBroken();
  }
}

/** As JSON, in which one part cannot run into the next. */
function contextOf(schema: string, place: FieldPlace, version: number): Buffer {
  const { subject, table, record, field } = place;
  return Buffer.from(
    JSON.stringify([schema, subject.toLowerCase(), table, record, field, version]),
  );
}
