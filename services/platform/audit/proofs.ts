/** What lets others hold the log against its checkpoints: proofs, and copies of all that is hashed. */
import type { AuditService } from '#gen/platform/audit/v1/audit_pb.ts';
import type { Handlers } from '#kit/rpc/server/handlers.ts';
import { EntryNotFound, TreeSizeOutOfRange } from './domain.ts';
import { consistencyRanges, inclusionRanges, type Range } from './log/merkle.ts';
import { joinLeaves, rootsOf, tileWidth } from './log/tiles.ts';
import { emptyLog, type LogIdentity } from './sealing.ts';
import type { Store, Told } from './store.ts';

type Methods =
  | 'getCheckpoint'
  | 'getInclusionProof'
  | 'getConsistencyProof'
  | 'getTile'
  | 'getEntryBundle';

export function createProofRpc({
  store,
  log,
}: {
  store: Store;
  log: LogIdentity;
}): Pick<Handlers<typeof AuditService>, Methods> {
  const readTold = async () => (await store.readTold()) ?? emptyLog(log);
  const rootsIn = (size: number, ranges: readonly Range[]) =>
    rootsOf(ranges, size, (tile) => store.readTile(tile));

  return {
    async getCheckpoint() {
      const { note, size, root } = await readTold();
      const verifiers = log.signers.map(({ text }) => text);
      return { note, treeSize: BigInt(size), rootHash: root, verifiers };
    },

    async getInclusionProof({ entryId, treeSize }) {
      const told = await readTold();
      const size = sizeOf(treeSize, told.size);
      const found = await store.findLeaf(entryId);
      if (found === undefined || found.index >= size) {
        throw new EntryNotFound({ entry_id: entryId });
      }
      const hashes = await rootsIn(size, inclusionRanges(found.index, size));
      const { note }: Told = told;
      const leaf = Buffer.from(found.leaf);
      return { leafIndex: BigInt(found.index), leaf, treeSize: BigInt(size), hashes, note };
    },

    async getConsistencyProof({ fromSize, toSize }) {
      const told = await readTold();
      const to = sizeOf(toSize, told.size);
      const hashes = await rootsIn(to, consistencyRanges(sizeOf(fromSize, to), to));
      return { toSize: BigInt(to), hashes, note: told.note };
    },

    async getTile({ level, index, width }) {
      const hashes = await store.readTile({ level, index: Number(index), width });
      return { hashes: Buffer.concat(hashes) };
    },

    async getEntryBundle({ index, width }) {
      const leaves = await store.readLeaves(Number(index) * tileWidth, width);
      return { entries: joinLeaves(leaves.map(({ leaf }) => Buffer.from(leaf))) };
    },
  };
}

/** Throws TreeSizeOutOfRange. */
function sizeOf(asked: bigint, latest: number): number {
  if (asked > latest || (asked === 0n && latest === 0)) {
    throw new TreeSizeOutOfRange({ tree_size: String(asked), limit: String(latest) });
  }
  return Number(asked) || latest;
}
