/**
 * Keeps fields that describe a person unreadable in the database, and for ever once the person is erased: each person has
 * data keys, which a master key of the settings wraps and which are rows of the service's own schema.
 */
import type { Database, Tx } from '../db/database.ts';
import { assert } from '../errors.ts';
import { createSealer } from '../identity/sealer.ts';
import { limits } from '../limits.ts';
import type { Job } from '../service.ts';
import { createKeyStore } from './data-keys.ts';
import { type FieldPlace, openField, sealField } from './sealed-field.ts';

/** Seals and opens the fields of one service. Its module says `usesVault`, for the tables. */
export interface Vault {
  /**
   * Seals fields, each under the newest key of its person, who gets one here if need be: one statement for all whose
   * persons have keys. Answers bytes in order, undefined where the person is erased. None of the persons can be erased
   * until the transaction ends, so what is written with the answer, a blind index above all, is never too late.
   */
  seal(
    tx: Tx,
    fields: readonly (FieldPlace & { plain: Uint8Array })[],
  ): Promise<(Buffer | undefined)[]>;
  /**
   * Opens fields by one statement. Answers in order, undefined where the person is erased. It reads the keys after the
   * caller has read the fields: from the moment at which an erasure is committed no process opens anything, whatever it
   * remembers. Throws SealBroken for what was changed or belongs elsewhere.
   */
  open(
    sql: Tx | Database['sql'],
    fields: readonly (FieldPlace & { sealed: Uint8Array })[],
  ): Promise<(Buffer | undefined)[]>;
  /**
   * Destroys the keys of persons, also of those who have none yet, with the transaction. The caller removes what it keeps
   * to find their fields by (kit/vault/blind-index.ts), in the same one.
   *
   * NOTE: PostgreSQL keeps the former row until it vacuums, and backups keep it for as long as they last. It is of use
   * only to whoever has a master key of that time: where backups are kept, change the master key and drop the former one.
   */
  erase(tx: Tx, subjects: readonly string[]): Promise<void>;
  /** Gives persons a newer data key: what is sealed from now on is under it, and everything still opens. */
  renew(tx: Tx, subjects: readonly string[]): Promise<void>;
  /** Wraps data keys under the present master key, a few hundred at a time, beside all other work. */
  readonly rewrapping: Job;
}

/**
 * Makes the vault of a service. `secrets` are its master keys, of at least 32 characters, separated by commas: the first
 * one wraps, all of them unwrap. To change it without a pause give `old,new` to every process, then `new,old`, and `new`
 * once the job has nothing left to do.
 */
export function createVault(database: Database, secrets: string): Vault {
  const { schema } = database;
  const keyStore = createKeyStore(schema, createSealer(secrets, `${schema} vault`));

  return {
    async seal(tx, fields) {
      if (fields.length === 0) return [];
      const keys = await keyStore.hold(tx, subjectsOf(fields));
      return fields.map(({ plain, ...place }) => {
        const ofPerson = keys.get(place.subject.toLowerCase()) ?? [];
        const key = ofPerson.at(-1);
        return key && sealField({ key, version: ofPerson.length, schema }, place, plain);
      });
    },

    async open(sql, fields) {
      if (fields.length === 0) return [];
      const all = await keyStore.read(sql, subjectsOf(fields));
      return fields.map(({ sealed, ...place }) => {
        const keys = all.get(place.subject.toLowerCase());
        if (keys?.length === 0) return undefined;
        return openField({ keys: keys ?? [], schema }, place, sealed);
      });
    },

    erase: (tx, subjects) => keyStore.erase(tx, distinct(subjects)),
    renew: (tx, subjects) => keyStore.renew(tx, distinct(subjects)),

    rewrapping: {
      name: 'vault.rewrap',
      everyMs: limits.vaultRewrapEveryMs,
      run: () => database.transaction((tx) => keyStore.rewrap(tx)),
    },
  };
}

function subjectsOf(fields: readonly FieldPlace[]): string[] {
  assert(fields.length <= limits.vaultFieldsMax, 'a vault takes so many fields at once');
  return distinct(fields.map(({ subject }) => subject));
}

/** As PostgreSQL writes them. */
function distinct(subjects: readonly string[]): string[] {
  return [...new Set(subjects.map((subject) => subject.toLowerCase()))].sort();
}
