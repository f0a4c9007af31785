import { randomBytes } from 'node:crypto';
import { type Algorithm, hash, verify } from '@node-rs/argon2';
import { createBounded } from '#kit/load/bounded.ts';
import { limits } from './domain.ts';

/** Turns passwords into hashes that cost an attacker dearly. Replaced in tests, to count. */
export interface Hasher {
  hash(password: string): Promise<string>;
  verify(hash: string, password: string): Promise<boolean>;
}

/** Argon2id; the package's constant is a `const enum`, which erasable TypeScript cannot read. */
const argon2id = 2 as Algorithm;
/** OWASP's first choice: 19 MiB, two passes, one lane; about 12 ms. Source: OWASP Password Storage Cheat Sheet. */
const cost = { algorithm: argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** In the thread pool: the event loop goes on meanwhile. */
export const argon2: Hasher = {
  hash: (password) => hash(password, cost),
  verify: (known, password) => verify(known, password),
};

export interface Passwords {
  hash(password: string): Promise<string>;
  /**
   * Whether the password fits the hash. Without a hash (nobody has that address) it is tested against one that nothing
   * fits, so that the answer takes as long.
   */
  verify(hash: string | undefined, password: string): Promise<boolean>;
}

/** Hashes and verifies, a few at a time. Throws Overloaded when too many wait. */
export async function createPasswords(hasher: Hasher): Promise<Passwords> {
  const bounded = createBounded({
    name: 'platform.user.passwords',
    atOnceMax: limits.hashesAtOnceMax,
    queueMax: limits.hashQueueMax,
  });
  const nobodys = await hasher.hash(randomBytes(32).toString('base64'));
  // One person, one password, however their keyboard composes its letters.
  const normal = (password: string) => password.normalize('NFKC');
  return {
    hash: (password) => bounded.run(() => hasher.hash(normal(password))),
    async verify(known, password) {
      const fits = await bounded.run(() => hasher.verify(known ?? nobodys, normal(password)));
      return fits && known !== undefined;
    },
  };
}
