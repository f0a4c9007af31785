import { byteaArray } from '#kit/db/arrays.ts';
import type { Database, Tx } from '#kit/db/database.ts';
import type { Windows } from '../domain/decide.ts';
import { type MovementList, readMovements } from '../domain/window.ts';
import type { Action, Decision, Finding, Standing } from '../domain.ts';

/** All that checks are decided by, of one moment. */
export interface CheckFacts {
  readonly ruleSetVersion: bigint;
  readonly windows: Windows;
  /** Of the customers against whom anything stands. */
  readonly standings: Map<string, Standing>;
  /** What was decided before, by transaction. */
  readonly decisions: Map<string, Decision>;
}

/** What a batch of transactions names. */
export interface Named {
  readonly accountIds: readonly string[];
  readonly ownerIds: readonly string[];
  readonly transactionIds: readonly string[];
}

/** What checks read and leave. */
export interface CheckStore {
  /**
   * Reads everything in one statement, and so as it was at one moment: a rule set that was changed before the statement
   * began is the one that it finds.
   */
  readFacts(named: Named): Promise<CheckFacts>;
  /** Keeps decisions. Answers those that are in force: where another process was faster, its own. */
  keep(tx: Tx, decisions: readonly Decision[]): Promise<Map<string, Decision>>;
}

/** Rows of several tables: `kind` says of which. */
type Row =
  | { kind: 'version'; id: null; text: string; at: null; bytes: null }
  | { kind: 'window'; id: string; text: null; at: null; bytes: Buffer }
  | { kind: 'standing'; id: string; text: string; at: null; bytes: null }
  | { kind: 'decision'; id: string; text: string; at: Date; bytes: Buffer };

type RowOfKind<Kind extends Row['kind']> = Extract<Row, { kind: Kind }>;

/** A decision as JSON: what its row has beside its id, its hash and its time. */
interface DecisionJson {
  decisionId: string;
  action: Action;
  version: string;
  findings: (Omit<Finding, 'amountMinor'> & { amountMinor: string })[];
}

/** Keeps them in the schema of `database`, of which each `tx` must be a transaction. */
export function createCheckStore({ sql }: Database): CheckStore {
  return {
    async readFacts({ accountIds, ownerIds, transactionIds }) {
      const rows = await sql<Row[]>`
        (select 'version' as kind, null::uuid as id, version::text as text, null::timestamptz as at,
          null::bytea as bytes
        from rule_set order by version desc limit 1)
        union all select 'window', account_id, null, null, movements
        from account_window where account_id = any(${accountIds as string[]}::uuid[])
        union all select 'standing', o.owner_id, json_build_object('match', coalesce(match, 'ALLOW'),
          'blockingCaseId', case_id)::text, null, null
        from unnest(${ownerIds as string[]}::uuid[]) as o (owner_id)
        left join customer c on c.owner_id = o.owner_id and match <> 'ALLOW'
        left join case_file f on f.owner_id = o.owner_id and blocks_customer
        where match is not null or case_id is not null
        union all select 'decision', transaction_id, json_build_object('decisionId', decision_id,
          'action', action, 'version', rule_set_version::text, 'findings', findings)::text,
          decided_at, content_hash
        from decision where transaction_id = any(${transactionIds as string[]}::uuid[])`;
      return toFacts(rows);
    },

    async keep(tx, decisions) {
      const made = await tx<{ transaction_id: string }[]>`
        insert into decision (transaction_id, decision_id, content_hash, action, rule_set_version,
          findings, decided_at)
        select transaction_id, decision_id, content_hash, action, rule_set_version,
          findings::jsonb, to_timestamp(decided_ms / 1000.0)
        from unnest(
          ${decisions.map((d) => d.transactionId)}::uuid[],
          ${decisions.map((d) => d.decisionId)}::uuid[],
          ${tx.typed(
            decisions.map((d) => Buffer.from(d.contentHash)),
            byteaArray,
          )},
          ${decisions.map((d) => d.action)}::text[],
          ${decisions.map((d) => String(d.ruleSetVersion))}::bigint[],
          ${decisions.map((d) => JSON.stringify(d.findings, bigintAsText))}::text[],
          ${decisions.map((d) => String(d.decidedAt))}::bigint[]
        ) as t (transaction_id, decision_id, content_hash, action, rule_set_version, findings,
          decided_ms)
        order by transaction_id
        on conflict do nothing
        returning transaction_id`;
      const ours = new Set(made.map((row) => row.transaction_id));
      const inForce = new Map(decisions.map((decision) => [decision.transactionId, decision]));
      const others = decisions.filter(({ transactionId }) => !ours.has(transactionId));
      if (others.length === 0) return inForce;
      const rows = await tx<RowOfKind<'decision'>[]>`
        select 'decision' as kind, transaction_id as id, json_build_object('decisionId',
          decision_id, 'action', action, 'version', rule_set_version::text, 'findings',
          findings)::text as text, decided_at as at, content_hash as bytes
        from decision where transaction_id = any(${others.map((d) => d.transactionId)}::uuid[])`;
      for (const row of rows) inForce.set(row.id, toDecision(row));
      return inForce;
    },
  };
}

function toFacts(rows: readonly Row[]): CheckFacts {
  let ruleSetVersion = 0n;
  const windows = new Map<string, { movements: MovementList }>();
  const standings = new Map<string, Standing>();
  const decisions = new Map<string, Decision>();
  for (const row of rows) {
    switch (row.kind) {
      case 'version':
        ruleSetVersion = BigInt(row.text);
        break;
      case 'window':
        windows.set(row.id, { movements: readMovements(row.bytes) });
        break;
      case 'standing':
        standings.set(row.id, toStanding(row.text));
        break;
      case 'decision':
        decisions.set(row.id, toDecision(row));
    }
  }
  return { ruleSetVersion, windows, standings, decisions };
}

function toStanding(text: string): Standing {
  const { match, blockingCaseId } = JSON.parse(text);
  return { match, blockingCaseId: blockingCaseId ?? undefined };
}

function toDecision({ id, text, at, bytes }: RowOfKind<'decision'>): Decision {
  const json = JSON.parse(text) as DecisionJson;
  return {
    decisionId: json.decisionId,
    transactionId: id,
    contentHash: bytes,
    action: json.action,
    ruleSetVersion: BigInt(json.version),
    findings: json.findings.map((finding) => ({
      ...finding,
      // JSON leaves out what is undefined.
      typology: finding.typology,
      amountMinor: BigInt(finding.amountMinor),
    })),
    decidedAt: at.getTime(),
  };
}

function bigintAsText(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
