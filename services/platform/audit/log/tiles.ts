/** Tiles: the hashes of the tree in pieces of one size, and the leaves in bundles. Source: C2SP tlog-tiles. */
import { joinNodes, type Node, nodesOf, type Range, rootOf } from './merkle.ts';

/** Hashes in a full tile, and leaves in a full bundle. */
export const tileWidth = 256;
/** How many levels of the tree one level of tiles goes up. */
const levelsPerTile = 8;
const hashBytes = 32;

/** The n-th tile of a level; level 0 has the hashes of leaves, each other the roots of full tiles below. */
export interface Tile {
  level: number;
  index: number;
  /** Hashes in it: 256, or fewer in the last tile of a level. */
  width: number;
}

/** The hashes of each level behind its last full tile: all that is needed to go on. Levels above have none. */
export type Frontier = readonly (readonly Buffer[])[];

/** How many hashes a level of tiles has in a tree of so many leaves. */
export function hashesAt(level: number, size: number): number {
  return Math.floor(size / tileWidth ** level);
}

/** The root of a tree by its frontier. */
export function rootOfFrontier(frontier: Frontier): Buffer {
  let root: Buffer | undefined;
  for (const hashes of frontier) {
    const all = root === undefined ? hashes : [...hashes, root];
    if (all.length > 0) root = rootOf(all);
  }
  return root ?? rootOf([]);
}

/** What further leaves make of a frontier: the next one, and the tiles that became full. */
export function grow(frontier: Frontier, size: number, leafHashes: readonly Buffer[]) {
  const next: Buffer[][] = [];
  const full: { level: number; index: number; hashes: Buffer[]; root: Buffer }[] = [];
  let added = leafHashes;
  for (let level = 0; level < frontier.length || added.length > 0; level += 1) {
    const before = frontier[level] ?? [];
    const hashes = [...before, ...added];
    const roots: Buffer[] = [];
    let index = Math.floor(hashesAt(level, size) / tileWidth);
    while (hashes.length >= tileWidth) {
      const tile = hashes.splice(0, tileWidth);
      const root = rootOf(tile);
      full.push({ level, index, hashes: tile, root });
      roots.push(root);
      index += 1;
    }
    next.push(hashes);
    added = roots;
  }
  return { frontier: next as Frontier, full };
}

/** The tile that holds what the root of a node is made of, in a tree of so many leaves. */
function tileOf({ level, index }: Node, size: number): Tile {
  const tileLevel = Math.floor(level / levelsPerTile);
  const at = Math.floor((index * 2 ** (level % levelsPerTile)) / tileWidth);
  return { level: tileLevel, index: at, width: widthOf(tileLevel, at, size) };
}

/** How many hashes a tile has in a tree of so many leaves; 0 when it is not there. */
export function widthOf(level: number, index: number, size: number): number {
  const width = hashesAt(level, size) - index * tileWidth;
  return Math.min(tileWidth, Math.max(0, width));
}

/** Computes the roots of ranges in a tree of so many leaves; `read` gives the hashes of a tile. Each is read once. */
export async function rootsOf(
  ranges: readonly Range[],
  size: number,
  read: (tile: Tile) => Promise<readonly Buffer[]>,
): Promise<Buffer[]> {
  const tiles = new Map<string, Promise<readonly Buffer[]>>();
  async function hashOf(node: Node): Promise<Buffer> {
    const tile = tileOf(node, size);
    const name = pathOfTile(tile);
    const reading = tiles.get(name) ?? read(tile);
    tiles.set(name, reading);
    const hashes = await reading;
    const count = 2 ** (node.level % levelsPerTile);
    const begin = (node.index * count) % tileWidth;
    return rootOf(hashes.slice(begin, begin + count));
  }
  return Promise.all(
    ranges.map(async (range) => joinNodes(await Promise.all(nodesOf(range).map(hashOf)))),
  );
}

/** "tile/0/x001/234", and "tile/0/x001/235.p/17" for a tile that is not full. */
export function pathOfTile({ level, index, width }: Tile): string {
  return `tile/${level}/${pathOfIndex(index)}${suffixOf(width)}`;
}

/** "tile/entries/x001/234", where the leaves of a tile of level 0 are. */
export function pathOfBundle({ index, width }: Omit<Tile, 'level'>): string {
  return `tile/entries/${pathOfIndex(index)}${suffixOf(width)}`;
}

function suffixOf(width: number): string {
  return width === tileWidth ? '' : `.p/${width}`;
}

function pathOfIndex(index: number): string {
  const parts = [String(index % 1000).padStart(3, '0')];
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    parts.unshift(`x${String(rest % 1000).padStart(3, '0')}`);
  }
  return parts.join('/');
}

/** Hashes as a tile has them: one behind the other. */
export function splitHashes(bytes: Uint8Array): Buffer[] {
  const all = Buffer.from(bytes);
  return Array.from({ length: Math.floor(all.length / hashBytes) }, (_, i) =>
    all.subarray(i * hashBytes, (i + 1) * hashBytes),
  );
}

/** Leaves as a bundle has them: each behind its length in two bytes. */
export function joinLeaves(leaves: readonly Buffer[]): Buffer {
  return Buffer.concat(
    leaves.flatMap((leaf) => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(leaf.length);
      return [length, leaf];
    }),
  );
}

/** The leaves of a bundle. What stands behind the last whole one is given as a leaf as well: it hashes to none. */
export function splitLeaves(bytes: Uint8Array): Buffer[] {
  const all = Buffer.from(bytes);
  const leaves: Buffer[] = [];
  let at = 0;
  while (at < all.length) {
    const end = at + 2 <= all.length ? at + 2 + all.readUInt16BE(at) : all.length + 1;
    leaves.push(end <= all.length ? all.subarray(at + 2, end) : all.subarray(at));
    at = Math.min(end, all.length);
  }
  return leaves;
}

/** Every tile of a tree of so many leaves, the lowest level first. */
export function* tilesOf(size: number): Generator<Tile> {
  for (let level = 0; hashesAt(level, size) > 0; level += 1) {
    for (let index = 0; index * tileWidth < hashesAt(level, size); index += 1) {
      yield { level, index, width: widthOf(level, index, size) };
    }
  }
}
