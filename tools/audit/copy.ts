import type { AuditService } from '#gen/platform/audit/v1/audit_pb.ts';
import type { Client } from '#kit/rpc/client/client.ts';
import { tilesOf } from '#services/platform/audit/log/tiles.ts';
import type { LogFolder } from './folder.ts';
import { pausing } from './pausing.ts';

/**
 * Copies a log as it is at its latest checkpoint, and answers how many leaves that has. Everything is asked for anew: what
 * was changed since an earlier copy is to be found.
 */
export async function copyLog(
  client: Client<typeof AuditService>,
  headers: { authorization: string },
  folder: LogFolder,
): Promise<number> {
  const { note, treeSize, verifiers } = await client.getCheckpoint({}, { headers });
  const size = Number(treeSize);
  for (const tile of tilesOf(size)) {
    const index = BigInt(tile.index);
    const { level, width } = tile;
    const { hashes } = await pausing(() => client.getTile({ level, index, width }, { headers }));
    folder.writeTile(tile, hashes);
    if (level > 0) continue;
    const { entries } = await pausing(() => client.getEntryBundle({ index, width }, { headers }));
    folder.writeLeaves(tile, entries);
  }
  folder.writeVerifiers(verifiers);
  folder.writeCheckpoint(note);
  return size;
}
