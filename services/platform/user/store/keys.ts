import type { Database, Tx } from '#kit/db/database.ts';
import type { RowOf } from '#kit/db/row.ts';
import type { KeyTimes } from '../domain/keys.ts';
import type { signingKey } from '../schema.ts';

/** A signing key as it lies in the database. */
export interface StoredKey extends KeyTimes {
  readonly keyId: string;
  /** base64url: the `x` of the JWK. */
  readonly publicKey: string;
  /** Encrypted. */
  readonly privateKey: Buffer;
}

/** The keys that sign access tokens. Rotations take `lockAll` first. */
export interface KeyStore {
  /** All keys, oldest first. */
  read(): Promise<StoredKey[]>;
  /** The same, for one process at a time: until the transaction ends nobody else rotates. */
  lockAll(tx: Tx): Promise<StoredKey[]>;
  insert(tx: Tx, key: StoredKey): Promise<void>;
  remove(tx: Tx, keyIds: readonly string[]): Promise<void>;
}

type KeyRow = RowOf<typeof signingKey>;

/** Keeps them in the schema of `database`, of which each `tx` must be a transaction. */
export function createKeyStore({ sql }: Database): KeyStore {
  return {
    async read() {
      const rows = await sql<KeyRow[]>`select * from signing_key order by signs_from, key_id`;
      return rows.map(toKey);
    },

    async lockAll(tx) {
      await tx`lock table signing_key in share row exclusive mode`;
      const rows = await tx<KeyRow[]>`select * from signing_key order by signs_from, key_id`;
      return rows.map(toKey);
    },

    async insert(tx, key) {
      await tx`
        insert into signing_key (key_id, public_key, private_key, published_at, signs_from)
        values (${key.keyId}, ${key.publicKey}, ${key.privateKey}, ${new Date(key.publishedAt)},
          ${new Date(key.signsFrom)})`;
    },

    async remove(tx, keyIds) {
      await tx`delete from signing_key where key_id = any(${keyIds as string[]}::uuid[])`;
    },
  };
}

function toKey(row: KeyRow): StoredKey {
  return {
    keyId: row.key_id,
    publicKey: row.public_key,
    privateKey: row.private_key,
    publishedAt: row.published_at.getTime(),
    signsFrom: row.signs_from.getTime(),
  };
}
