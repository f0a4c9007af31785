/** A copy of the log in a folder, as static-file logs are laid out. Source: C2SP tlog-tiles. */
import { hash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  pathOfBundle,
  pathOfTile,
  splitHashes,
  splitLeaves,
  type Tile,
} from '#services/platform/audit/log/tiles.ts';

/** A folder with the latest checkpoint, every checkpoint that was copied before it, tiles and leaves. */
export interface LogFolder {
  /** Undefined when there is none. */
  readCheckpoint(): string | undefined;
  /** Makes a checkpoint the latest one. Those before it stay. */
  writeCheckpoint(note: string): void;
  /** All that were ever written, in no order. */
  readSeen(): string[];
  /** Verifiers as whoever was copied told them; empty when they are missing. */
  readVerifiers(): string[];
  writeVerifiers(verifiers: readonly string[]): void;
  /** Empty when it is missing. */
  readTile(tile: Tile): Buffer[];
  writeTile(tile: Tile, bytes: Uint8Array): void;
  readLeaves(of: Omit<Tile, 'level'>): Buffer[];
  writeLeaves(of: Omit<Tile, 'level'>, bytes: Uint8Array): void;
}

export function openFolder(folder: string): LogFolder {
  const at = (path: string) => join(folder, path);
  const read = (path: string) => (existsSync(at(path)) ? readFileSync(at(path)) : Buffer.alloc(0));
  function write(path: string, bytes: Uint8Array | string): void {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), bytes);
  }
  const seen = 'checkpoints';
  return {
    readCheckpoint: () => read('checkpoint').toString() || undefined,
    writeCheckpoint(note) {
      write(`${seen}/${hash('sha256', note, 'hex')}`, note);
      write('checkpoint', note);
    },
    readSeen: () =>
      existsSync(at(seen))
        ? readdirSync(at(seen)).map((name) => read(`${seen}/${name}`).toString())
        : [],
    readVerifiers: () => read('verifiers').toString().split('\n').filter(Boolean),
    writeVerifiers: (verifiers) => write('verifiers', verifiers.map((one) => `${one}\n`).join('')),
    readTile: (tile) => splitHashes(read(pathOfTile(tile))),
    writeTile: (tile, bytes) => write(pathOfTile(tile), bytes),
    readLeaves: (of) => splitLeaves(read(pathOfBundle(of))),
    writeLeaves: (of, bytes) => write(pathOfBundle(of), bytes),
  };
}
