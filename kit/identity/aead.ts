/** Authenticated encryption, AES-256-GCM: the one place that knows its nonce and its tag. */
import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto';

const algorithm = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;

/** Sealed bytes do not open: a bug, a tampered row, or a lost secret. */
export class SealBroken extends Error {
  override readonly name = 'SealBroken';
}

/** Answers a random nonce, what was sealed, and the tag, which also covers `context`: 28 bytes more than `plain`. */
export function sealBytes(
  key: KeyObject | Uint8Array,
  context: string,
  plain: Uint8Array,
): Buffer[] {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv(algorithm, key, nonce).setAAD(Buffer.from(context));
  return [nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()];
}

/** Opens the bytes of sealBytes. Throws SealBroken when they, the context or the key are others. */
export function openBytes(key: KeyObject | Uint8Array, context: string, sealed: Buffer): Buffer {
  if (sealed.length < nonceBytes + tagBytes) throw new SealBroken();
  const nonce = sealed.subarray(0, nonceBytes);
  const decipher = createDecipheriv(algorithm, key, nonce, { authTagLength: tagBytes })
    .setAAD(Buffer.from(context))
    .setAuthTag(sealed.subarray(-tagBytes));
  try {
    return Buffer.concat([
      decipher.update(sealed.subarray(nonceBytes, -tagBytes)),
      decipher.final(),
    ]);
  } catch {
    throw new SealBroken();
  }
}
