import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { Clock } from '#kit/clock.ts';
import type { Database, Tx } from '#kit/db/database.ts';
import { accessTokenRules } from '#kit/identity/access-token.ts';
import { SealBroken } from '#kit/identity/aead.ts';
import type { Sealer } from '#kit/identity/sealer.ts';
import { uuidv7 } from '#kit/ids.ts';
import {
  isRotationDue,
  type KeyTimes,
  nextKeyOf,
  retiredKeys,
  signingKeyOf,
} from './domain/keys.ts';
import { limits } from './domain.ts';
import type { KeyStore, StoredKey } from './store/keys.ts';

/** The secret of the settings is not the one under which the keys in the database were encrypted. */
export class KeysDoNotOpen extends Error {
  constructor() {
    super('SIGNING_KEY_SECRET does not open the stored keys: add the former one, after a comma');
  }
}

export interface Signer extends KeyTimes {
  readonly keyId: string;
  readonly privateKey: KeyObject;
}

/** The keys that sign access tokens: one that signs, those that signed of late, and perhaps the next. */
export interface Keyring {
  /** The key that signs now. */
  signer(): Promise<Signer>;
  /** All keys that may have signed a token that is still good, and the next one; oldest first. */
  published(): Promise<StoredKey[]>;
  /** Begins a rotation, unless one is under way; answers the key that takes over. */
  rotate(tx: Tx): Promise<StoredKey>;
  /** Rotates when it is time, and removes keys that have served; answers how many things it did. */
  maintain(): Promise<number>;
}

/**
 * Opens the ring, with a first key when there is none. Every process reads it anew more often than keys are published
 * ahead of their first signature, so all know the next key before it signs. Rejects with KeysDoNotOpen.
 */
export async function openKeyring(deps: {
  database: Database;
  store: KeyStore;
  sealer: Sealer;
  clock: Clock;
}): Promise<Keyring> {
  const { database, store, sealer, clock } = deps;
  const opened = new Map<string, Signer>();
  let signers: Signer[] = [];
  let readAt = Number.NEGATIVE_INFINITY;

  async function read(): Promise<void> {
    const now = clock.now();
    const keys = await store.read();
    signers = keys.map((key) => opened.get(key.keyId) ?? open(key));
    opened.clear();
    for (const signer of signers) opened.set(signer.keyId, signer);
    readAt = now;
  }

  function open({ keyId, publishedAt, signsFrom, privateKey }: StoredKey): Signer {
    try {
      const key = sealer.open(privateKey, contextOf(keyId));
      const keyObject = createPrivateKey({ key, format: 'der', type: 'pkcs8' });
      return { keyId, publishedAt, signsFrom, privateKey: keyObject };
    } catch (error) {
      throw error instanceof SealBroken ? new KeysDoNotOpen() : error;
    }
  }

  async function add(tx: Tx, times: KeyTimes): Promise<StoredKey> {
    const keyId = uuidv7();
    const pair = generateKeyPairSync('ed25519');
    const der = pair.privateKey.export({ format: 'der', type: 'pkcs8' });
    const publicKey = pair.publicKey.export({ format: 'jwk' }).x!;
    const key = { keyId, publicKey, privateKey: sealer.seal(der, contextOf(keyId)), ...times };
    await store.insert(tx, key);
    return key;
  }

  async function rotate(tx: Tx): Promise<StoredKey> {
    const keys = await store.lockAll(tx);
    const now = clock.now();
    const next = nextKeyOf(keys, now);
    if (next !== undefined) return next;
    // The very first key signs at once: there is nobody yet who could not know it.
    const signsFrom = keys.length === 0 ? now : now + limits.keyPublishMs;
    return add(tx, { publishedAt: now, signsFrom });
  }

  async function maintain(): Promise<number> {
    const now = clock.now();
    const keys = await store.read();
    if (!isRotationDue(keys, now) && retiredKeys(keys, now).length === 0) return 0;
    return database.transaction(async (tx) => {
      const held = await store.lockAll(tx);
      const retired = retiredKeys(held, now).map(({ keyId }) => keyId);
      await store.remove(tx, retired);
      const isDue = isRotationDue(held, now);
      if (isDue) await rotate(tx);
      return retired.length + (isDue ? 1 : 0);
    });
  }

  await maintain();
  await read();
  return {
    async signer() {
      if (clock.now() - readAt >= limits.keyReloadMs) await read();
      return signingKeyOf(signers, clock.now())!;
    },
    published: () => store.read(),
    rotate,
    maintain,
  };
}

function contextOf(keyId: string): string {
  return `signing key ${keyId}`;
}

/** The JSON Web Key Set of public keys. Source: RFC 7517, RFC 8037. */
export function toJwks(keys: readonly { keyId: string; publicKey: string }[]): string {
  return JSON.stringify({
    keys: keys.map(({ keyId, publicKey }) => ({
      kty: 'OKP',
      crv: 'Ed25519',
      use: 'sig',
      alg: accessTokenRules.algorithm,
      kid: keyId,
      x: publicKey,
    })),
  });
}
