import type { Database, Tx } from '#kit/db/database.ts';
import { debugPoint } from '#kit/debug.ts';
import type { Job } from '#kit/service.ts';
import { limits } from './domain.ts';
import { emptyRoot } from './log/merkle.ts';
import { type Signer, signCheckpoint } from './log/note.ts';
import { type Frontier, grow, rootOfFrontier } from './log/tiles.ts';
import type { Store, Told } from './store.ts';

/** The tree in the database is not the one that was told of: whatever is sealed on top of it would be a fork. */
export class LogDamaged extends Error {
  override readonly name = 'LogDamaged';

  constructor() {
    super('the log is not what its last checkpoint says; compare it with a mirror');
  }
}

/** What the log is and who signs it. */
export interface LogIdentity {
  origin: string;
  /** The present signer first, then earlier ones. */
  signers: readonly Signer[];
}

/** The state of a log before its first leaf, told in the same words by every process. */
export function emptyLog({ origin, signers }: LogIdentity): Told {
  const note = signCheckpoint({ origin, size: 0, root: emptyRoot }, signers);
  return { size: 0, root: emptyRoot, note };
}

/**
 * Makes leaves of the entries that wait, and tells the new state of the tree: all of it in one transaction, one process at
 * a time. Throws LogDamaged, and seals nothing, where the log is not what the last checkpoint says.
 */
export function createSealing(
  deps: { database: Database; store: Store } & { log: LogIdentity },
): Job {
  const { database, store, log } = deps;

  async function seal(tx: Tx): Promise<number> {
    const told = (await store.lockTold(tx)) ?? emptyLog(log);
    const before = await readSound(tx, told);
    const hashes = await store.sealWaiting(tx, told.size);
    if (hashes.length === 0) return 0;
    await debugPoint('platform.audit.leaves-taken');
    const { frontier, full } = grow(before, told.size, hashes);
    await store.addTiles(tx, full);
    await debugPoint('platform.audit.tiles-written');
    const size = told.size + hashes.length;
    const root = rootOfFrontier(frontier);
    const note = signCheckpoint({ origin: log.origin, size, root }, log.signers);
    store.tell(tx, { size, root, note });
    return hashes.length;
  }

  /** The frontier of the tree that was told of last. */
  async function readSound(tx: Tx, { size, root }: Told): Promise<Frontier> {
    const frontier = await store.readFrontier(tx, size);
    if (!rootOfFrontier(frontier).equals(root)) throw new LogDamaged();
    return frontier;
  }

  return {
    name: 'seal',
    everyMs: limits.sealEveryMs,
    // Most looks find nothing: they cost one statement and no lock.
    run: async () => ((await store.countWaiting()) === 0 ? 0 : database.transaction(seal)),
    pending: () => store.countWaiting(),
  };
}
