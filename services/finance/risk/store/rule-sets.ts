import type { Database, Tx } from '#kit/db/database.ts';
import type { RowOf } from '#kit/db/row.ts';
import type { RuleSet } from '../domain.ts';
import type { ruleSet } from '../schema.ts';

/** A version as it was kept. */
export interface KeptRuleSet extends RuleSet {
  /** Absent for the first. */
  readonly authorId: string | undefined;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

/** All versions of the rules. */
export interface RuleSetStore {
  /** The version in force, which no other replaces before the transaction ends. */
  hold(tx: Tx): Promise<bigint>;
  /** The rules in force, for a change: waits for those who hold them, and keeps others from it until it ends. */
  lockToChange(tx: Tx): Promise<RuleSet>;
  /** Puts the next version in force, together with the commit. `createdAt` is in milliseconds since the epoch. */
  insert(tx: Tx, next: KeptRuleSet): void;
  /** Reads a version, the one in force when none is named; undefined when there was none. */
  read(version?: bigint): Promise<KeptRuleSet | undefined>;
}

type Row = RowOf<typeof ruleSet>;

/** Keeps them in the schema of `database`. */
export function createRuleSetStore(database: Database): RuleSetStore {
  const { sql, schema } = database;
  const columns = sql`version, mode, rules, author_id, created_at`;
  // A lock of the database and not of the row: whoever waits to change the rules is not overtaken by ever new checks.
  const lock = sql`hashtextextended(${`rules ${schema}`}, 0)`;

  return {
    async hold(tx) {
      // Two statements, so that the second sees what those did for whom the first had to wait.
      const [, rows] = await Promise.all([
        tx`select pg_advisory_xact_lock_shared(${lock})`,
        tx<Pick<Row, 'version'>[]>`select version from rule_set order by version desc limit 1`,
      ]);
      return rows[0]!.version;
    },

    async lockToChange(tx) {
      const [, rows] = await Promise.all([
        tx`select pg_advisory_xact_lock(${lock})`,
        tx<Row[]>`select ${columns} from rule_set order by version desc limit 1`,
      ]);
      return toRuleSet(rows[0]!);
    },

    insert(tx, { version, mode, rules, authorId, createdAt }) {
      const kept = JSON.stringify(
        rules.map((rule) => ({ ...rule, ruleSetVersion: Number(rule.ruleSetVersion) })),
      );
      database.defer(
        tx,
        tx`
          insert into rule_set (version, mode, rules, author_id, created_at)
          values (${version}, ${mode}, ${kept}::text::jsonb, ${authorId ?? null},
            ${new Date(createdAt)})`,
      );
    },

    async read(version) {
      const which = version === undefined ? sql`` : sql`where version = ${version}`;
      const [row] = await sql<Row[]>`
        select ${columns} from rule_set ${which} order by version desc limit 1`;
      return row && toRuleSet(row);
    },
  };
}

function toRuleSet({ version, mode, rules, author_id: authorId, created_at }: Row): KeptRuleSet {
  return {
    version,
    mode,
    rules: rules.map((rule) => ({ ...rule, ruleSetVersion: BigInt(rule.ruleSetVersion) })),
    authorId: authorId ?? undefined,
    createdAt: created_at.getTime(),
  };
}
