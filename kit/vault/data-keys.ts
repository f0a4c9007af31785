/** The data keys of persons as they are kept: the rows of vault_subject, and what unwraps them. */
import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { byteaArray } from '../db/arrays.ts';
import type { Database, Tx } from '../db/database.ts';
import { debugPoint } from '../debug.ts';
import type { Sealer } from '../identity/sealer.ts';
import { limits } from '../limits.ts';
import { createRecent, type Recent } from '../recent.ts';

/** The tables of a vault, for whoever migrates the schema of a service that has one. */
export const vaultMigrations = new URL('./migrations/', import.meta.url);

/** The data keys of each person, oldest first; none of whoever is erased. */
export type DataKeys = ReadonlyMap<string, readonly KeyObject[]>;

/** Who has which data keys. Persons are given as PostgreSQL writes UUIDs, each once and in order. */
export interface KeyStore {
  /** Reads the keys of persons, as they are when the statement begins. Those without a row are left out. */
  read(sql: Tx | Database['sql'], subjects: readonly string[]): Promise<DataKeys>;
  /** The same with a first key for whoever has none. Until the transaction ends nobody of them can be erased. */
  hold(tx: Tx, subjects: readonly string[]): Promise<DataKeys>;
  /** Gives each person a newer key, where one has been given any. */
  renew(tx: Tx, subjects: readonly string[]): Promise<void>;
  /** Destroys the keys of persons, and sees to it that they never get any. */
  erase(tx: Tx, subjects: readonly string[]): Promise<void>;
  /** Wraps anew what is not wrapped under the present master key, so much at once; answers of how many persons. */
  rewrap(tx: Tx): Promise<number>;
}

interface KeyRow {
  subject_id: string;
  wrapped_keys: Buffer[];
}

/** The keys of one schema; `master` wraps them. */
export function createKeyStore(schema: string, master: Sealer): KeyStore {
  const unwrapped = createBriefMemory();

  const contextOf = (subject: string) => `${schema} ${subject}`;
  const newKeys = (tx: Tx, subjects: readonly string[]) =>
    tx.typed(
      subjects.map((subject) => master.seal(randomBytes(32), contextOf(subject))),
      byteaArray,
    );

  /** Asked for with the bytes of the row: a key whose row is gone is not found, whoever remembers it. */
  function unwrap(subject: string, wrapped: Buffer): KeyObject {
    const id = wrapped.toString('latin1');
    const known = unwrapped.get(id);
    if (known !== undefined) return known;
    const key = createSecretKey(master.open(wrapped, contextOf(subject)));
    unwrapped.set(id, key);
    return key;
  }

  function toKeys(rows: readonly KeyRow[]): DataKeys {
    return new Map(
      rows.map(({ subject_id: subject, wrapped_keys: wrapped }) => [
        subject,
        wrapped.map((one) => unwrap(subject, one)),
      ]),
    );
  }

  /** In the order of ids, as all who lock several persons do. */
  const lock = (tx: Tx, subjects: readonly string[]) => tx<KeyRow[]>`
    select subject_id, wrapped_keys from vault_subject
    where subject_id = any(${subjects as string[]}::uuid[])
    order by subject_id for share`;

  return {
    async read(sql, subjects) {
      return toKeys(
        await (sql as Tx)<KeyRow[]>`
        select subject_id, wrapped_keys from vault_subject
        where subject_id = any(${subjects as string[]}::uuid[])`,
      );
    },

    async hold(tx, subjects) {
      const keys = toKeys(await lock(tx, subjects));
      const missing = subjects.filter((subject) => !keys.has(subject)).sort();
      if (missing.length === 0) return keys;
      // Whoever makes the same row at this moment is waited for, and what they made is read by the statement behind.
      await tx`
        insert into vault_subject (subject_id, wrapped_keys, master_id)
        select subject_id, array[wrapped], ${master.id}
        from unnest(
          ${missing}::uuid[],
          ${newKeys(tx, missing)}
        ) as t (subject_id, wrapped)
        order by subject_id on conflict do nothing`;
      await debugPoint('kit.vault.keys-made');
      return new Map([...keys, ...toKeys(await lock(tx, missing))]);
    },

    async renew(tx, subjects) {
      await lockToWrite(tx, subjects);
      // A process that has another present master key may have wrapped the keys before: then they differ.
      await tx`
        update vault_subject s set wrapped_keys = s.wrapped_keys || t.wrapped,
          master_id = case when s.master_id = ${master.id} then s.master_id else '' end
        from unnest(
          ${subjects as string[]}::uuid[],
          ${newKeys(tx, subjects)}
        ) as t (subject_id, wrapped)
        where s.subject_id = t.subject_id and s.erased_at is null`;
    },

    async erase(tx, subjects) {
      await tx`
        insert into vault_subject (subject_id, wrapped_keys, erased_at)
        select subject_id, '{}', now() from unnest(${subjects as string[]}::uuid[]) as t (subject_id)
        order by subject_id
        on conflict (subject_id) do update
          set wrapped_keys = '{}', master_id = null, erased_at = now()
          where vault_subject.erased_at is null`;
    },

    async rewrap(tx) {
      const rows = await tx<KeyRow[]>`
        select subject_id, wrapped_keys from vault_subject
        where master_id < ${master.id} or master_id > ${master.id}
        limit ${limits.vaultRewrapMax} for update skip locked`;
      const keys = rows.flatMap(({ subject_id: subject, wrapped_keys: wrapped }) =>
        wrapped.map((one, i) => {
          const key = master.open(one, contextOf(subject));
          return { subject, version: i + 1, wrapped: master.seal(key, contextOf(subject)) };
        }),
      );
      if (keys.length === 0) return 0;
      const bytes = tx.typed(
        keys.map(({ wrapped }) => wrapped),
        byteaArray,
      );
      await tx`
        update vault_subject s set wrapped_keys = t.wrapped_keys, master_id = ${master.id}
        from (
          select subject_id, array_agg(wrapped order by version) as wrapped_keys
          from unnest(
            ${keys.map(({ subject }) => subject)}::uuid[],
            ${keys.map(({ version }) => version)}::integer[],
            ${bytes}
          ) as k (subject_id, version, wrapped)
          group by subject_id) t
        where s.subject_id = t.subject_id`;
      return rows.length;
    },
  };
}

/** Several rows are locked in the order of their ids before any is changed: an update locks as its plan likes. */
async function lockToWrite(tx: Tx, subjects: readonly string[]): Promise<void> {
  await tx`
    select from vault_subject where subject_id = any(${subjects as string[]}::uuid[])
    order by subject_id for no key update`;
}

/** Unwrapped keys by their wrapped bytes. All are forgotten together, at most limits.vaultKeysKnownMs after the first. */
function createBriefMemory(): Pick<Recent<KeyObject>, 'get' | 'set'> {
  let known: Recent<KeyObject> | undefined;

  function begin(): Recent<KeyObject> {
    setTimeout(() => {
      known = undefined;
    }, limits.vaultKeysKnownMs).unref();
    return createRecent(limits.vaultKeysKnownMax);
  }

  return {
    get: (id) => known?.get(id),
    set(id, key) {
      known ??= begin();
      known.set(id, key);
    },
  };
}
