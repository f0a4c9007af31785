import { randomFillSync } from 'node:crypto';

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

const hexDigits = '0123456789abcdef';
const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

let lastMs = 0;
let sequence = 0;
/** What all ids of `lastMs` begin with. */
let prefix = '';

function startOf(ms: number): string {
  lastMs = ms;
  sequence = 0;
  const text = ms.toString(16).padStart(12, '0');
  return `${text.slice(0, 8)}-${text.slice(8)}-7`;
}

/**
 * A UUIDv7: 48 bits of milliseconds, a 12-bit counter within the millisecond, 62 random bits. Ids made by one process
 * sort in the order they were made. Source: RFC 9562, section 6.2, method 1.
 */
export function uuidv7(nowMs: number = Date.now()): string {
  if (nowMs > lastMs) prefix = startOf(nowMs);
  // 4,096 ids in one millisecond: borrow the next one, as the RFC allows.
  else if (++sequence > 0xfff) prefix = startOf(lastMs + 1);
  const at = randomBytes8();
  const random = (i: number) => hex[pool[at + i]!]!;
  const counter = hex[sequence >> 4]! + hexDigits[sequence & 0xf]!;
  const variant = hex[0x80 | (pool[at]! & 0x3f)]!;
  const node = random(2) + random(3) + random(4) + random(5) + random(6) + random(7);
  return `${prefix}${counter}-${variant}${random(1)}-${node}`;
}

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** True for a UUID of any version, written in lower case. */
export function isUuid(text: string): boolean {
  return uuidPattern.test(text);
}
