/**
 * Keeps at rest what nobody may read from a copy of the database: AES-256-GCM under keys that are derived from a secret
 * of the service's settings, and keyed digests of what could be guessed.
 */
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { assert } from '../errors.ts';
import { openBytes, SealBroken, sealBytes } from './aead.ts';

/**
 * Seals and digests for one purpose. The same bytes are sealed differently each time, so what has to be found again is
 * found by its digest. Sealing adds 32 bytes.
 */
export interface Sealer {
  /** Tells under which secret it seals now: whatever it seals begins with it. */
  readonly id: Buffer;
  /** Encrypts. `context` says what the bytes are and whose: opening them as anything else fails. */
  seal(plain: Uint8Array, context: string): Buffer;
  /** Decrypts. Throws SealBroken for bytes that were changed, moved, or sealed under a secret that is gone. */
  open(sealed: Uint8Array, context: string): Buffer;
  /** 32 bytes that depend on all parts and on the secret: without it nobody can try guesses against them. */
  digest(...parts: (string | Uint8Array)[]): Buffer;
  /** The same under each secret, the present one first: what a digest was made under before the secret changed. */
  digests(...parts: (string | Uint8Array)[]): [Buffer, ...Buffer[]];
}

interface Keys {
  /** Tells under which secret bytes were sealed. */
  id: Buffer;
  seal: Buffer;
  digest: Buffer;
}

const idBytes = 4;
const secretLengthMin = 32;

/**
 * Makes a sealer from a secret of at least 32 characters. Several, separated by commas, are a rotation: the first seals
 * and digests, all of them open and know a digest again. Sealers of different `purpose` have different keys.
 */
export function createSealer(secrets: string, purpose: string): Sealer {
  const all = secrets.split(',').map((secret) => deriveKeys(secret.trim(), purpose));
  const first = all[0]!;
  return {
    id: first.id,
    seal: (plain, context) => Buffer.concat([first.id, ...sealBytes(first.seal, context, plain)]),
    open(sealed, context) {
      const bytes = Buffer.from(sealed);
      const keys = all.find(({ id }) => id.equals(bytes.subarray(0, idBytes)));
      if (keys === undefined) throw new SealBroken();
      return openBytes(keys.seal, context, bytes.subarray(idBytes));
    },
    digest: (...parts) => digestUnder(first, parts),
    digests: (...parts) => all.map((keys) => digestUnder(keys, parts)) as [Buffer, ...Buffer[]],
  };
}

/** Compares without telling by its time where two digests differ. */
export function isSameDigest(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

function digestUnder(keys: Keys, parts: readonly (string | Uint8Array)[]): Buffer {
  const mac = createHmac('sha256', keys.digest);
  for (const part of parts) {
    const bytes = Buffer.from(part as Uint8Array);
    // The length goes first, so that ("ab", "c") and ("a", "bc") differ.
    mac.update(`${bytes.length}:`).update(bytes);
  }
  return mac.digest();
}

function deriveKeys(secret: string, purpose: string): Keys {
  assert(secret.length >= secretLengthMin, `a secret has at least ${secretLengthMin} characters`);
  const derive = (use: string, length: number) =>
    Buffer.from(hkdfSync('sha256', secret, '', `${purpose} ${use}`, length));
  return { id: derive('id', idBytes), seal: derive('seal', 32), digest: derive('digest', 32) };
}
