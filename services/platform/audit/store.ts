import { byteaArray } from '#kit/db/arrays.ts';
import type { Database, Tx } from '#kit/db/database.ts';
import type { RowOf } from '#kit/db/row.ts';
import { assert } from '#kit/errors.ts';
import { limits } from './domain.ts';
import { type Frontier, hashesAt, splitHashes, type Tile, tileWidth } from './log/tiles.ts';
import type { auditEntry, checkpoint } from './schema.ts';

/** A leaf of the tree; `leaf` is the text that was hashed. */
export interface Leaf {
  index: number;
  hash: Buffer;
  leaf: string;
}

export interface Filter {
  who: string;
  action: string;
  resource: string;
  resourceId: string;
  /** Milliseconds since the epoch; undefined for no bound. */
  from: number | undefined;
  until: number | undefined;
}

/** Where a page of a list ended. */
export interface Position {
  actedAt: number;
  index: number;
}

/** A state of the tree that was told. */
export interface Told {
  size: number;
  root: Buffer;
  note: string;
}

/** A tile that became full. */
export interface FullTile {
  level: number;
  index: number;
  hashes: readonly Buffer[];
  root: Buffer;
}

/** The log, and the entries that wait for it. Rows of the log are only ever added. */
export interface Store {
  /** Puts leaves into the queue, in order. */
  addWaiting(tx: Tx, leaves: readonly string[]): void;
  countWaiting(): Promise<number>;
  /** The state that was told last. Until the transaction ends nobody else seals. */
  lockTold(tx: Tx): Promise<Told | undefined>;
  readFrontier(tx: Tx, size: number): Promise<Frontier>;
  /** Makes leaves of what waits, behind the `size` that are there; answers their hashes, in order. */
  sealWaiting(tx: Tx, size: number): Promise<Buffer[]>;
  addTiles(tx: Tx, full: readonly FullTile[]): Promise<void>;
  tell(tx: Tx, told: Told): void;
  readTold(): Promise<Told | undefined>;
  /** Hashes of a tile, from the first on; fewer where the tree has fewer. */
  readTile(tile: Tile): Promise<Buffer[]>;
  /** Leaves from `from` on, in order. One that is missing is left out. */
  readLeaves(from: number, count: number): Promise<Leaf[]>;
  findLeaf(entryId: string): Promise<Leaf | undefined>;
  /** Leaves that fit the filter, the latest acts first, from below `before` on. */
  list(filter: Filter, before: Position | undefined, limit: number): Promise<Leaf[]>;
}

type EntryRow = Pick<RowOf<typeof auditEntry>, 'leaf_index' | 'leaf_hash'> & { leaf: string };
type ToldRow = Pick<RowOf<typeof checkpoint>, 'tree_size' | 'root' | 'note'>;

export function createStore(database: Database): Store {
  const { sql, schema } = database;
  const columns = sql`leaf_index, leaf_hash, leaf::text as leaf`;

  /** The hashes of a level in their order: of leaves, or of full tiles below. */
  const hashesOf = (on: Tx | typeof sql, level: number, from: number, count: number) =>
    level === 0
      ? (on as Tx)<{ hash: Buffer }[]>`
          select leaf_hash as hash from audit_entry
          where leaf_index >= ${from} and leaf_index < ${from + count} order by leaf_index`
      : (on as Tx)<{ hash: Buffer }[]>`
          select root as hash from tile
          where level = ${level - 1} and index >= ${from} and index < ${from + count}
          order by index`;

  const readLatest = (on: Tx | typeof sql) => (on as Tx)<ToldRow[]>`
    select tree_size, root, note from checkpoint order by tree_size desc limit 1`;

  return {
    addWaiting(tx, leaves) {
      const statement = tx`
        insert into waiting_entry (leaf)
        select leaf::json from unnest(${leaves as string[]}::text[]) with ordinality as t (leaf, nth)
        order by nth`;
      database.defer(tx, statement);
    },

    async countWaiting() {
      const [row] = await sql<{ count: number }[]>`
        select count(*)::integer as count from (
          select from waiting_entry limit ${limits.entriesPerSealMax}) as next_entry`;
      return row!.count;
    },

    async lockTold(tx) {
      // Each by itself: a statement sees what was committed when it began.
      const [, told] = await Promise.all([
        tx`select pg_advisory_xact_lock(hashtextextended(${`seal ${schema}`}, 0))`,
        readLatest(tx),
      ]);
      return toTold(told);
    },

    async readFrontier(tx, size) {
      const levels: ReturnType<typeof hashesOf>[] = [];
      for (let level = 0; hashesAt(level, size) > 0; level += 1) {
        const count = hashesAt(level, size);
        const width = count % tileWidth;
        levels.push(hashesOf(tx, level, count - width, width));
      }
      const found = await Promise.all(levels);
      return found.map((rows) => rows.map(({ hash }) => hash));
    },

    async sealWaiting(tx, size) {
      // What is taken is what is there, not what lies above a number, so an entry that commits late is never left out. The
      // leaves stay in the database: to hash them elsewhere, each would be sent there and back. See hashLeaf.
      const rows = await tx<Pick<EntryRow, 'leaf_index' | 'leaf_hash'>[]>`
        with taken as (
          delete from waiting_entry where seq in (
            select seq from waiting_entry order by seq limit ${limits.entriesPerSealMax})
          returning seq, leaf)
        insert into audit_entry (leaf_index, leaf_hash, leaf)
        select ${size} + row_number() over (order by seq) - 1,
          sha256('\\x00'::bytea || convert_to(leaf::text, 'UTF8')), leaf
        from taken returning leaf_index, leaf_hash`;
      const inOrder = rows.toSorted((a, b) => (a.leaf_index < b.leaf_index ? -1 : 1));
      return inOrder.map(({ leaf_hash }) => leaf_hash);
    },

    async addTiles(tx, full) {
      if (full.length === 0) return;
      const bytes = (values: readonly Buffer[]) => tx.typed(values, byteaArray);
      await tx`
        insert into tile (level, index, hashes, root)
        select * from unnest(
          ${full.map(({ level }) => level)}::integer[],
          ${full.map(({ index }) => index)}::bigint[],
          ${bytes(full.map(({ hashes }) => Buffer.concat(hashes)))},
          ${bytes(full.map(({ root }) => root))}
        )`;
    },

    tell(tx, { size, root, note }) {
      const statement = tx`
        insert into checkpoint (tree_size, root, note) values (${size}, ${root}, ${note})`;
      database.defer(tx, statement);
    },

    readTold: async () => toTold(await readLatest(sql)),

    async readTile({ level, index, width }) {
      const [full] = await sql<{ hashes: Buffer }[]>`
        select hashes from tile where level = ${level} and index = ${index}`;
      if (full !== undefined) return splitHashes(full.hashes).slice(0, width);
      const rows = await hashesOf(sql, level, index * tileWidth, width);
      return rows.map(({ hash }) => hash);
    },

    async readLeaves(from, count) {
      const rows = await sql<EntryRow[]>`
        select ${columns} from audit_entry
        where leaf_index >= ${from} and leaf_index < ${from + count} order by leaf_index`;
      return rows.map(toLeafOf);
    },

    async findLeaf(entryId) {
      const [row] = await sql<EntryRow[]>`
        select ${columns} from audit_entry where entry_id = ${entryId}`;
      return row && toLeafOf(row);
    },

    async list(filter, before, limit) {
      const { who, action, resource, resourceId, from, until } = filter;
      const rows = await sql<EntryRow[]>`
        select ${columns} from audit_entry
        where true
          ${who === '' ? sql`` : sql`and who = ${who}`}
          ${action === '' ? sql`` : sql`and action = ${action}`}
          ${resource === '' ? sql`` : sql`and resource = ${resource}`}
          ${resourceId === '' ? sql`` : sql`and resource_id = ${resourceId}`}
          ${from === undefined ? sql`` : sql`and acted_ms >= ${from}`}
          ${until === undefined ? sql`` : sql`and acted_ms < ${until}`}
          ${before === undefined ? sql`` : sql`and (acted_ms, leaf_index) < (${before.actedAt}, ${before.index})`}
        order by acted_ms desc, leaf_index desc limit ${limit}`;
      return rows.map(toLeafOf);
    },
  };
}

function toLeafOf({ leaf_index, leaf_hash: hash, leaf }: EntryRow): Leaf {
  return { index: Number(leaf_index), hash, leaf };
}

function toTold([row]: readonly ToldRow[]): Told | undefined {
  if (row === undefined) return undefined;
  assert(row.root.length === 32, 'a root has 32 bytes');
  return { size: Number(row.tree_size), root: row.root, note: row.note };
}
