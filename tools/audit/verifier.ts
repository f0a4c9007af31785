/** Finds what does not fit in a copy of the log, with nothing but the copy and the public keys of the log. */
import { rootOf } from '#services/platform/audit/log/merkle.ts';
import {
  type Checkpoint,
  NoteInvalid,
  openCheckpoint,
  type Verifier,
} from '#services/platform/audit/log/note.ts';
import {
  type Frontier,
  grow,
  pathOfTile,
  rootOfFrontier,
  type Tile,
  tilesOf,
  tileWidth,
} from '#services/platform/audit/log/tiles.ts';
import type { LogFolder } from './folder.ts';
import { compareLeaves } from './leaves.ts';

/** What was found: a sentence each, and the checkpoint that holds when there is none. */
export interface Verdict {
  findings: string[];
  checkpoint: Checkpoint | undefined;
}

/** Findings beyond these are only counted: who removes the first leaf moves all others. */
const findingsMax = 20;

/** Holds leaves, tiles and the latest checkpoint against each other, and against every checkpoint that was seen before. */
export function verifyLog(
  folder: LogFolder,
  verifiers: readonly Verifier[],
  remembered: readonly string[] = [],
): Verdict {
  const findings: string[] = [];
  const latest = open(folder.readCheckpoint() ?? '', 'the checkpoint', verifiers, findings);
  if (latest === undefined) return { findings, checkpoint: undefined };
  const seen = [...folder.readSeen(), ...remembered].flatMap((note) => {
    return open(note, 'a checkpoint that was seen before', verifiers, findings) ?? [];
  });
  const { roots, full, frontier } = readTree(folder, latest.size, seen, findings);
  compareTiles(folder, latest.size, full, frontier, findings);
  if (!rootOfFrontier(frontier).equals(latest.root)) {
    findings.push(`the ${latest.size} leaves do not have the root that the checkpoint says`);
  }
  for (const one of seen) compareSeen(one, latest, roots.get(one.size), findings);
  return { findings: shortened(findings), checkpoint: latest };
}

function open(
  note: string,
  what: string,
  verifiers: readonly Verifier[],
  findings: string[],
): Checkpoint | undefined {
  try {
    return openCheckpoint(note, verifiers);
  } catch (error) {
    if (!(error instanceof NoteInvalid)) throw error;
    findings.push(`${what} does not count: ${error.message}`);
    return undefined;
  }
}

/** The tree over the lowest tiles, its roots at the sizes of earlier checkpoints, and what of the leaves does not fit. */
function readTree(
  folder: LogFolder,
  size: number,
  seen: readonly Checkpoint[],
  findings: string[],
) {
  const roots = new Map<number, Buffer>();
  const full = new Map<string, Buffer[]>();
  let frontier: Frontier = [];
  for (const tile of tilesOf(size)) {
    if (tile.level > 0) break;
    const begin = tile.index * tileWidth;
    const hashes = folder.readTile(tile);
    if (hashes.length !== tile.width) {
      findings.push(`${pathOfTile(tile)} has ${hashes.length} hashes and not ${tile.width}`);
    }
    findings.push(...compareLeaves(folder.readLeaves(tile), hashes, begin));
    for (const { size: earlier } of seen) {
      if (earlier <= begin || earlier > begin + tile.width) continue;
      const part = grow(frontier, begin, hashes.slice(0, earlier - begin));
      roots.set(earlier, rootOfFrontier(part.frontier));
    }
    const grown = grow(frontier, begin, hashes);
    frontier = grown.frontier;
    for (const { level, index, hashes: above } of grown.full) full.set(`${level} ${index}`, above);
  }
  return { roots, full, frontier };
}

/** The tiles above the lowest follow from those: one that does not was changed. */
function compareTiles(
  folder: LogFolder,
  size: number,
  full: ReadonlyMap<string, Buffer[]>,
  frontier: Frontier,
  findings: string[],
): void {
  for (const tile of tilesOf(size)) {
    if (tile.level === 0) continue;
    const wanted = full.get(`${tile.level} ${tile.index}`) ?? frontier[tile.level] ?? [];
    const found = folder.readTile(tile);
    const at = wanted.findIndex((hash, i) => found[i] === undefined || !found[i].equals(hash));
    if (at >= 0) findings.push(`${pathOfTile(tile)} has another root of ${leavesBelow(tile, at)}`);
  }
}

function leavesBelow({ level, index }: Tile, at: number): string {
  const count = tileWidth ** level;
  const begin = (index * tileWidth + at) * count;
  return `leaves ${begin} to ${begin + count - 1} than their hashes make`;
}

function compareSeen(
  seen: Checkpoint,
  latest: Checkpoint,
  root: Buffer | undefined,
  findings: string[],
): void {
  const { origin, size } = seen;
  if (origin !== latest.origin) {
    findings.push(`a checkpoint that was seen before is of ${origin} and not of ${latest.origin}`);
  } else if (size > latest.size) {
    findings.push(
      `the log was cut off: it had ${size} leaves when a checkpoint was seen, and now ends before leaf ${latest.size}`,
    );
  } else if (size === latest.size && !seen.root.equals(latest.root)) {
    findings.push(`the log has forked: there are two checkpoints of ${size} leaves`);
  } else if (!(root ?? rootOf([])).equals(seen.root)) {
    findings.push(
      `the log has forked: its first ${size} leaves, 0 to ${size - 1}, are not those of a checkpoint that was seen`,
    );
  }
}

function shortened(findings: readonly string[]): string[] {
  if (findings.length <= findingsMax) return [...findings];
  return [
    ...findings.slice(0, findingsMax),
    `and ${findings.length - findingsMax} more like these`,
  ];
}
