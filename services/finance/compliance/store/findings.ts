import type { Database, Tx } from '#kit/db/database.ts';
import { publish } from '#kit/db/outbox.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Case, Evidence } from '../domain/cases.ts';
import { type Finding, limits, type Typology } from '../domain.ts';
import { caseEvents } from '../events.ts';
import { type CaseRow, type CaseStore, toCase } from './cases.ts';

/** A finding, and what it was found in. */
export interface Found extends Omit<Finding, 'typology'> {
  readonly typology: Typology;
  /** Undefined for a match of a list. */
  readonly transactionId: string | undefined;
  /** When the transaction was asked for or posted, or the customer screened: milliseconds since the epoch. */
  readonly at: number;
}

/** Puts findings into cases. */
export interface FindingStore {
  /**
   * Adds findings to the open case of their customer and typology, opening those that are not there. Cases are locked in
   * one order, by customer and typology. Answers the case of each finding.
   */
  file(tx: Tx, found: readonly Found[], now: number): Promise<string[]>;
  /** Of these transactions, "<transaction> <typology>" of what is evidence already, of whichever case. */
  readFiled(tx: Tx, transactionIds: readonly string[]): Promise<Set<string>>;
}

const keyOf = ({ ownerId, typology }: { ownerId: string; typology: Typology }) =>
  `${ownerId} ${typology}`;

/** Keeps them in the schema of `database`, of which each `tx` must be a transaction. */
export function createFindingStore(database: Database, cases: CaseStore): FindingStore {
  /** Locks the open cases, or opens them. */
  async function open(tx: Tx, found: readonly Found[], now: number): Promise<Map<string, Opened>> {
    const wanted = [...new Map(found.map((one) => [keyOf(one), one])).values()];
    const rows = await tx<(CaseRow & { is_new: boolean })[]>`
      insert into case_file (case_id, owner_id, typology, created_at, updated_at)
      select case_id, owner_id, typology, ${new Date(now)}, ${new Date(now)}
      from unnest(
        ${wanted.map(() => uuidv7(now))}::uuid[],
        ${wanted.map((one) => one.ownerId)}::uuid[],
        ${wanted.map((one) => one.typology)}::text[]
      ) as t (case_id, owner_id, typology)
      order by owner_id, typology
      on conflict (owner_id, typology) where state = 'OPEN'
      do update set updated_at = excluded.updated_at
      returning *, xmax = 0 as is_new`;
    return new Map(
      rows.map((row) => {
        const opened = { ...toCase(row), isNew: row.is_new };
        return [keyOf(opened), opened];
      }),
    );
  }

  async function writeCounts(tx: Tx, counted: readonly Opened[], now: number): Promise<void> {
    await tx`
      update case_file c set evidence_count = t.evidence_count, omitted_count = t.omitted_count,
        journal_count = t.journal_count
      from unnest(
        ${counted.map((one) => one.caseId)}::uuid[],
        ${counted.map((one) => one.evidenceCount)}::integer[],
        ${counted.map((one) => one.omittedCount)}::integer[],
        ${counted.map((one) => one.journalCount)}::integer[]
      ) as t (case_id, evidence_count, omitted_count, journal_count)
      where c.case_id = t.case_id`;
    const fresh = counted.filter(({ isNew }) => isNew);
    if (fresh.length === 0) return;
    await tx`
      insert into journal (case_id, kind, text, created_at)
      select case_id, 'OPENED', '', ${new Date(now)}
      from unnest(${fresh.map((one) => one.caseId)}::uuid[]) as t (case_id)`;
  }

  return {
    async file(tx, found, now) {
      if (found.length === 0) return [];
      const opened = await open(tx, found, now);
      const counted: Opened[] = [];
      for (const [key, before] of opened) {
        const evidence = found.filter((one) => keyOf(one) === key).map(toEvidence);
        const room = limits.evidencePerCaseMax - before.evidenceCount;
        const kept = evidence.slice(0, room);
        const added = kept.length === 0 ? 0 : await cases.addEvidence(tx, before.caseId, kept);
        counted.push({
          ...before,
          evidenceCount: before.evidenceCount + added,
          omittedCount: before.omittedCount + evidence.length - kept.length,
          journalCount: before.isNew ? 1 : before.journalCount,
        });
      }
      await writeCounts(tx, counted, now);
      publish(database, tx, caseEvents(counted.filter(({ isNew }) => isNew)));
      return found.map((one) => opened.get(keyOf(one))!.caseId);
    },

    async readFiled(tx, transactionIds) {
      const rows = await tx<{ transaction_id: string; typology: Typology }[]>`
        select e.transaction_id, c.typology from evidence e join case_file c using (case_id)
        where e.transaction_id = any(${transactionIds as string[]}::uuid[])`;
      return new Set(rows.map((row) => `${row.transaction_id} ${row.typology}`));
    },
  };
}

interface Opened extends Case {
  readonly isNew: boolean;
}

function toEvidence({ transactionId, ruleId, explanation, at, ...rest }: Found): Evidence {
  const { amountMinor, currency } = rest;
  const amount = transactionId === undefined ? undefined : { amountMinor, currency };
  return { transactionId, ruleId, explanation, amount, staffId: '', occurredAt: at };
}
