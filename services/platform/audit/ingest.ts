/** How acts come into the log: what describes persons is sealed under their keys, and the entry waits to become a leaf. */
import type { Tx } from '#kit/db/database.ts';
import { debugPoint } from '#kit/debug.ts';
import { assert } from '#kit/errors.ts';
import type { Vault } from '#kit/vault/vault.ts';
import { type Act, fromLeaf, limits, originSubject, personalSubject, toLeaf } from './domain.ts';
import type { Store } from './store.ts';

/** An act with what is known of persons; `personal` is a JSON object or empty. */
export interface ToldAct extends Act {
  origin: Origin;
  personal: string;
}

/** Where an act came from; empty where nobody knows. */
export interface Origin {
  address: string;
  userAgent: string;
}

/** An entry as staff read it. What is undefined is erased. */
export interface OpenEntry extends Act {
  origin: Origin | undefined;
  personal: string | undefined;
}

/** Seals what acts tell of persons, and what was sealed opens again. */
export interface Entries {
  /** Puts acts into the queue of the log, in order. */
  add(tx: Tx, acts: readonly ToldAct[]): Promise<void>;
  /** Reads the leaves of the log, by one statement. */
  open(leaves: readonly string[]): Promise<OpenEntry[]>;
}

const table = 'audit_entry';

function originField(act: Act) {
  return { subject: originSubject(act), table, record: act.entryId, field: 'origin' };
}

function personalField(act: Act) {
  return { subject: personalSubject(act), table, record: act.entryId, field: 'personal' };
}

export function createEntries(deps: {
  vault: Vault;
  store: Store;
  sql: Parameters<Vault['open']>[0];
}): Entries {
  const { vault, store, sql } = deps;

  async function addSome(tx: Tx, acts: readonly ToldAct[]): Promise<void> {
    const described = acts.filter(({ personal }) => personal !== '');
    const sealed = await vault.seal(tx, [
      ...acts.map((act) => ({
        ...originField(act),
        plain: Buffer.from(JSON.stringify([act.origin.address, act.origin.userAgent])),
      })),
      ...described.map((act) => ({ ...personalField(act), plain: Buffer.from(act.personal) })),
    ]);
    const personals = new Map(described.map((act, i) => [act, sealed[acts.length + i] ?? null]));
    const leaves = acts.map((act, i) => {
      return toLeaf({ ...act, origin: sealed[i] ?? null, personal: personals.get(act) });
    });
    for (const leaf of leaves) {
      assert(Buffer.byteLength(leaf) <= limits.leafBytesMax, 'a leaf fits into a bundle');
    }
    store.addWaiting(tx, leaves);
  }

  return {
    async add(tx, acts) {
      for (let i = 0; i < acts.length; i += limits.entriesPerInsertMax) {
        await addSome(tx, acts.slice(i, i + limits.entriesPerInsertMax));
      }
      await debugPoint('platform.audit.entries-added');
    },

    async open(leaves) {
      const entries = leaves.map(fromLeaf);
      const origins = entries.flatMap((entry) =>
        entry.origin ? [{ entry, ...originField(entry), sealed: entry.origin }] : [],
      );
      const personals = entries.flatMap((entry) =>
        entry.personal ? [{ entry, ...personalField(entry), sealed: entry.personal }] : [],
      );
      const plain = await vault.open(sql, [...origins, ...personals]);
      const originOf = new Map(origins.map(({ entry }, i) => [entry, plain[i]]));
      const personalOf = new Map(
        personals.map(({ entry }, i) => [entry, plain[origins.length + i]]),
      );
      return entries.map((entry) => ({
        ...entry,
        origin: readOrigin(originOf.get(entry)),
        personal: entry.personal === undefined ? '' : personalOf.get(entry)?.toString(),
      }));
    },
  };
}

function readOrigin(plain: Buffer | undefined): Origin | undefined {
  if (plain === undefined) return undefined;
  const [address, userAgent] = JSON.parse(plain.toString()) as [string, string];
  return { address, userAgent };
}
