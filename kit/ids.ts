import { createHash, randomFillSync } from 'node:crypto';

// Random bytes are drawn 4 KB at a time: one system call for 512 ids instead of one each.
const pool = new Uint8Array(4096);
let used = pool.length;

function randomBytes8(): number {
  if (used + 8 > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += 8;
  return used - 8;
}

const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

let lastMs = 0;
let sequence = 0;

/**
 * A UUIDv7: 48 bits of milliseconds, a 12-bit counter within the millisecond, 62 random bits. Ids made by one process
 * sort in the order they were made. Source: RFC 9562, section 6.2, method 1.
 */
export function uuidv7(nowMs: number = Date.now()): string {
  if (nowMs > lastMs) {
    lastMs = nowMs;
    sequence = 0;
  } else if (++sequence > 0xfff) {
    // 4,096 ids in one millisecond: borrow the next one, as the RFC allows.
    lastMs += 1;
    sequence = 0;
  }
  const at = randomBytes8();
  const ms = lastMs.toString(16).padStart(12, '0');
  const tail = Array.from({ length: 7 }, (_, i) => hex[pool[at + 1 + i]!]).join('');
  const variant = hex[0x80 | (pool[at]! & 0x3f)];
  const counter = (0x7000 | sequence).toString(16);
  return `${ms.slice(0, 8)}-${ms.slice(8)}-${counter}-${variant}${tail.slice(0, 2)}-${tail.slice(2)}`;
}

/**
 * A UUID that is a function of its parts: the request_id of a step that a saga may repeat. Version 8 (RFC 9562,
 * section 5.8): the first 122 bits of the SHA-256 of the parts.
 */
export function uuidOf(...parts: string[]): string {
  const bytes = createHash('sha256').update(parts.join('\n')).digest().subarray(0, 16);
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

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** True for a UUID of any version, written in lower case. */
export function isUuid(text: string): boolean {
  return uuidPattern.test(text);
}
