import { byteaArray } from '#kit/db/arrays.ts';
import { asCollision } from '#kit/db/collision.ts';
import type { Database, Tx } from '#kit/db/database.ts';
import type { RowOf } from '#kit/db/row.ts';
import type { Action, Decision } from '../domain.ts';
import type { decision } from '../schema.ts';
import { firstIdOf, idAheadMsMax } from './ids.ts';

/** A part of the time in which something was decided: the start belongs to it, the end does not. */
export interface Period {
  /** Milliseconds since the epoch, like `end`; absent for no bound. */
  readonly start: number | undefined;
  readonly end: number | undefined;
}

/** What was decided: written once, and never altered but for that it lapsed. */
export interface DecisionStore {
  /** Reads the last decisions upon transactions by their ids; where there is none, none. */
  find(tx: Tx, transactionIds: readonly string[]): Promise<Map<string, Decision>>;
  /** Keeps decisions together with the commit, which throws Collision when a transaction has one already. */
  insert(tx: Tx, decisions: readonly Decision[]): void;
  /** Lets decisions lapse together with the commit. `lapsedAt` is in milliseconds since the epoch. */
  lapse(tx: Tx, decisionIds: readonly string[], lapsedAt: number): void;
  /** Reads the last decision upon a transaction. */
  read(transactionId: string): Promise<Decision | undefined>;
  /** The newest first, at most `limit`, from before a decision; only those of an action when one is named. */
  list(action: Action | undefined, before: string | undefined, limit: number): Promise<Decision[]>;
  /** The oldest first, at most `limit`, from after a decision. */
  listIn(period: Period, after: string | undefined, limit: number): Promise<Decision[]>;
}

type Row = RowOf<typeof decision>;

/** Keeps them in the schema of `database`. */
export function createDecisionStore(database: Database): DecisionStore {
  const { sql } = database;
  const columns = sql`decision_id, transaction_id, content_hash, action, findings,
    rule_set_version, inputs, decided_at, expires_at, lapsed_at, renewals`;

  return {
    async find(tx, transactionIds) {
      const rows = await tx<Row[]>`
        select distinct on (transaction_id) ${columns} from decision
        where transaction_id = any(${transactionIds as string[]}::uuid[])
        order by transaction_id, renewals desc`;
      return new Map(rows.map((row) => [row.transaction_id, toDecision(row)]));
    },

    insert(tx, decisions) {
      database.deferRows(tx, insertRows, decisions, asCollision('decision_transaction'));
    },

    lapse(tx, decisionIds, lapsedAt) {
      if (decisionIds.length === 0) return;
      const statement = tx`
        update decision set lapsed_at = ${new Date(lapsedAt)}
        where decision_id = any(${decisionIds as string[]}::uuid[])`;
      database.defer(tx, statement);
    },

    async read(transactionId) {
      const [row] = await sql<Row[]>`
        select ${columns} from decision where transaction_id = ${transactionId}
        order by renewals desc limit 1`;
      return row && toDecision(row);
    },

    async list(action, before, limit) {
      const rows = await sql<Row[]>`
        select ${columns} from decision
        where ${action === undefined ? sql`true` : ofAction(action)}
          ${before === undefined ? sql`` : sql`and decision_id < ${before}`}
        order by decision_id desc limit ${limit}`;
      return rows.map(toDecision);
    },

    async listIn({ start, end }, after, limit) {
      const rows = await sql<Row[]>`
        select ${columns} from decision
        where true
          ${after === undefined ? sql`` : sql`and decision_id > ${after}`}
          ${start === undefined ? sql`` : sql`and decision_id >= ${firstIdOf(start)} and decided_at >= ${new Date(start)}`}
          ${end === undefined ? sql`` : sql`and decision_id < ${firstIdOf(end + idAheadMsMax)} and decided_at < ${new Date(end)}`}
        order by decision_id limit ${limit}`;
      return rows.map(toDecision);
    },
  };

  function ofAction(action: Action) {
    // As the index says it, or it would not be used.
    return action === 'ALLOW'
      ? sql`action = 'ALLOW'`
      : sql`action = ${action} and action <> 'ALLOW'`;
  }
}

function toDecision(row: Row): Decision {
  return {
    decisionId: row.decision_id,
    transactionId: row.transaction_id,
    contentHash: row.content_hash,
    action: row.action,
    findings: row.findings ?? [],
    ruleSetVersion: row.rule_set_version,
    inputs: row.inputs,
    decidedAt: row.decided_at.getTime(),
    expiresAt: row.expires_at.getTime(),
    lapsedAt: row.lapsed_at?.getTime(),
    renewals: row.renewals,
  };
}

function insertRows(tx: Tx, decisions: readonly Decision[]) {
  return tx`
    insert into decision (decision_id, transaction_id, content_hash, action, findings,
      rule_set_version, inputs, decided_at, expires_at, renewals)
    select decision_id, transaction_id, content_hash, action, findings::jsonb,
      rule_set_version, inputs, to_timestamp(decided_ms / 1000::float8),
      to_timestamp(expires_ms / 1000::float8), renewals
    from unnest(
      ${decisions.map((d) => d.decisionId)}::uuid[],
      ${decisions.map((d) => d.transactionId)}::uuid[],
      ${tx.typed(
        decisions.map((d) => d.contentHash),
        byteaArray,
      )},
      ${decisions.map((d) => d.action)}::text[],
      ${decisions.map((d) => (d.findings.length === 0 ? null : JSON.stringify(d.findings)))}::text[],
      ${decisions.map((d) => String(d.ruleSetVersion))}::bigint[],
      ${decisions.map((d) => d.inputs)}::text[],
      ${decisions.map((d) => String(d.decidedAt))}::bigint[],
      ${decisions.map((d) => String(d.expiresAt))}::bigint[],
      ${decisions.map((d) => String(d.renewals))}::integer[]
    ) as t (decision_id, transaction_id, content_hash, action, findings, rule_set_version,
      inputs, decided_ms, expires_ms, renewals)
    order by transaction_id`;
}
