import type { Database, Tx } from '#kit/db/database.ts';
import { publish } from '#kit/db/outbox.ts';
import { listChanged } from '../events.ts';

/** A list as it is known in the whole mesh. */
export interface ListInForce {
  readonly version: string;
  readonly entryCount: number;
  /** Milliseconds since the epoch. */
  readonly loadedAt: number;
}

/** Which sanctions list is in force. */
export interface ListStore {
  /** Puts a list into force and tells of it, unless it is. Two processes that load one list tell of it once. */
  putInForce(list: ListInForce): Promise<void>;
  /** The version that is in force; undefined before the first. */
  readVersion(tx: Tx): Promise<string | undefined>;
}

/** Keeps it in the schema of `database`, of which each `tx` must be a transaction. */
export function createListStore(database: Database): ListStore {
  async function readVersion(tx: Tx): Promise<string | undefined> {
    const [row] = await tx<{ version: string }[]>`
      select version from sanctions_list order by position desc limit 1`;
    return row?.version;
  }
  return {
    readVersion,
    putInForce: (list) =>
      database.transaction(async (tx) => {
        const name = `${database.schema} sanctions_list`;
        await tx`select pg_advisory_xact_lock(hashtextextended(${name}, 0))`;
        if ((await readVersion(tx)) === list.version) return;
        const { version, entryCount, loadedAt } = list;
        await tx`
          insert into sanctions_list (version, entry_count, loaded_at)
          values (${version}, ${entryCount}, ${new Date(loadedAt)})`;
        publish(database, tx, [listChanged(list)]);
      }),
  };
}
