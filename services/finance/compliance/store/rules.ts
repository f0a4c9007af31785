import { asCollision } from '#kit/db/collision.ts';
import type { Database, Tx } from '#kit/db/database.ts';
import type { Parameters, Rule, RuleSet } from '../domain/rules.ts';

/** Rule sets by version. They are never altered, so whoever has read one may keep it. */
export interface RuleStore {
  /** The version of the present one. */
  readVersion(): Promise<bigint>;
  /** The present one. */
  readPresent(): Promise<RuleSet>;
  read(version: bigint): Promise<RuleSet>;
  /** The present one; whoever else is about to change it waits until the end of the transaction. */
  lockPresent(tx: Tx): Promise<RuleSet>;
  /** Makes it the present one, with the commit. That throws Collision when another writer was faster. */
  insert(tx: Tx, set: RuleSet, staffId: string): void;
}

interface Row {
  version: bigint;
  rules: unknown;
}

/** Keeps them in the schema of `database`, of which each `tx` must be a transaction. */
export function createRuleStore(database: Database): RuleStore {
  const { sql } = database;
  return {
    async readVersion() {
      const [row] = await sql<{ version: bigint }[]>`
        select version from rule_set order by version desc limit 1`;
      return row!.version;
    },

    async readPresent() {
      const [row] = await sql<Row[]>`
        select version, rules from rule_set order by version desc limit 1`;
      return toRuleSet(row!);
    },

    async read(version) {
      const [row] = await sql<Row[]>`
        select version, rules from rule_set where version = ${String(version)}`;
      return toRuleSet(row!);
    },

    async lockPresent(tx) {
      const [row] = await tx<Row[]>`
        select version, rules from rule_set order by version desc limit 1 for update`;
      return toRuleSet(row!);
    },

    insert(tx, { version, rules }, staffId) {
      const text = JSON.stringify(rules, (_, value) =>
        typeof value === 'bigint' ? String(value) : value,
      );
      const statement = tx`
        insert into rule_set (version, rules, staff_id)
        values (${String(version)}, ${text}::text::jsonb, ${staffId})`;
      database.defer(tx, statement, asCollision('rule_set_pkey'));
    },
  };
}

type Json<Value> = {
  [Key in keyof Value]: Value[Key] extends bigint
    ? string
    : Value[Key] extends readonly unknown[] | string
      ? Value[Key]
      : Value[Key] extends object
        ? Json<Value[Key]>
        : Value[Key];
};

function toRuleSet({ version, rules }: Row): RuleSet {
  return {
    version,
    rules: (rules as Json<Rule>[]).map((rule) => ({
      ...rule,
      version: BigInt(rule.version),
      spec: { ...rule.spec, parameters: toParameters(rule.spec.parameters) },
    })),
  };
}

/** Amounts are bigints, and all that is called major is an amount. */
function toParameters(json: object): Parameters {
  return Object.fromEntries(
    Object.entries(json).map(([key, value]) => [key, /Major/.test(key) ? BigInt(value) : value]),
  ) as unknown as Parameters;
}
