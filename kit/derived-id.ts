/** Ids and digests that follow from what they are of. Pure. */
import { hash } from 'node:crypto';

/**
 * A UUID that is a function of its parts: the request_id of a step that a saga may repeat. Version 8 (RFC 9562,
 * section 5.8): the first 122 bits of the SHA-256 of the parts.
 */
export function uuidOf(...parts: string[]): string {
  const bytes = sha256(parts.join('\n')).subarray(0, 16);
  bytes[6] = 0x80 | (bytes[6]! & 0x0f);
  bytes[8] = 0x80 | (bytes[8]! & 0x3f);
  const text = bytes.toString('hex');
  return [
    text.slice(0, 8),
    text.slice(8, 12),
    text.slice(12, 16),
    text.slice(16, 20),
    text.slice(20),
  ].join('-');
}

/**
 * A UUID that is a function of another and of the parts, and begins with the time of the other when that is of version 7:
 * what follows from new ids lies together, in an index too. Version 8, with 74 bits of the SHA-256.
 */
export function uuidAfter(id: string, ...parts: string[]): string {
  const digest = hash('sha256', [id, ...parts].join('\n'), 'hex');
  const variant = (8 + (Number.parseInt(digest[15]!, 16) & 3)).toString(16);
  const node = digest.slice(20, 32);
  return `${id.slice(0, 13)}-8${digest.slice(12, 15)}-${variant}${digest.slice(16, 19)}-${node}`;
}

/** The SHA-256 of bytes, or of a text in UTF-8. */
export function sha256(content: string | Uint8Array): Buffer {
  // By way of a text it takes half as long: bytes that Node hands out itself are each an allocation outside of the heap.
  return Buffer.from(hash('sha256', content, 'binary'), 'binary');
}
