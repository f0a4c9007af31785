import type { Database, Tx } from '#kit/db/database.ts';
import type { RowOf } from '#kit/db/row.ts';
import type { Case, CaseState, Evidence, JournalEntry } from '../domain/cases.ts';
import { limits, type Typology } from '../domain.ts';
import type { caseFile, evidence, journal } from '../schema.ts';

/** Which cases are wanted; what is absent leaves out nothing. */
export interface CaseFilter {
  readonly state?: CaseState | undefined;
  readonly typology?: Typology | undefined;
  readonly ownerId?: string | undefined;
  readonly assigneeId?: string | undefined;
}

/** Cases with their evidence, their journals and their reports. */
export interface CaseStore {
  read(caseId: string): Promise<Case | undefined>;
  /** In the order in which it was found; by a transaction, or by itself. */
  readEvidence(by: Reader, caseId: string): Promise<Evidence[]>;
  /** In the order in which it was done. */
  readJournal(by: Reader, caseId: string): Promise<JournalEntry[]>;
  /** Cases from below an id on, the newest first. */
  list(filter: CaseFilter, before: string | undefined, limit: number): Promise<Case[]>;
  /** Whose a case is, and of what: neither ever changes. */
  subjectOf(tx: Tx, caseId: string): Promise<Pick<Case, 'ownerId' | 'typology'> | undefined>;
  /** Reads a case that nobody else writes until the end of the transaction. */
  lock(tx: Tx, caseId: string): Promise<Case | undefined>;
  /** Writes a case that was locked, with its journal entry. */
  save(tx: Tx, after: Case, entry: JournalEntry): Promise<void>;
  /** Adds evidence to a case that is locked; what is there already stays. Answers how much was added. */
  addEvidence(tx: Tx, caseId: string, added: readonly Evidence[]): Promise<number>;
  /** The next number of a report. One that is not used is left out. */
  nextReportNumber(tx: Tx): Promise<bigint>;
  readReport(tx: Tx, caseId: string): Promise<Buffer | undefined>;
  insertReport(tx: Tx, caseId: string, made: MadeReport): Promise<void>;
}

/** By what is read: a transaction, or the statements that stand alone. */
export type Reader = Tx | Database['sql'];

/** A report as it is kept: the bytes that were answered. */
export interface MadeReport {
  readonly reportNumber: bigint;
  readonly content: Uint8Array;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

export type CaseRow = RowOf<typeof caseFile>;

type EvidenceRow = RowOf<typeof evidence>;

type JournalRow = RowOf<typeof journal>;

/** Keeps them in the schema of the database, of which each `tx` must be a transaction. */
export function createCaseStore({ sql }: Database): CaseStore {
  const like = ({ state, typology, ownerId, assigneeId }: CaseFilter) => sql`
    ${state === undefined ? sql`` : sql`and state = ${state}`}
    ${typology === undefined ? sql`` : sql`and typology = ${typology}`}
    ${ownerId === undefined ? sql`` : sql`and owner_id = ${ownerId}`}
    ${assigneeId === undefined ? sql`` : sql`and assignee_id = ${assigneeId}`}`;

  return {
    async read(caseId) {
      const [row] = await sql<CaseRow[]>`select * from case_file where case_id = ${caseId}`;
      return row && toCase(row);
    },

    async readEvidence(by, caseId) {
      const rows = await by<EvidenceRow[]>`
        select * from evidence where case_id = ${caseId}
        order by position limit ${limits.evidencePerCaseMax}`;
      return rows.map(toEvidence);
    },

    async readJournal(by, caseId) {
      const rows = await by<JournalRow[]>`
        select * from journal where case_id = ${caseId}
        order by position limit ${limits.journalPerCaseMax}`;
      return rows.map(toEntry);
    },

    async list(filter, before, limit) {
      const rows = await sql<CaseRow[]>`
        select * from case_file
        where true ${before === undefined ? sql`` : sql`and case_id < ${before}`} ${like(filter)}
        order by case_id desc limit ${limit}`;
      return rows.map(toCase);
    },

    async subjectOf(tx, caseId) {
      const [row] = await tx<Pick<CaseRow, 'owner_id' | 'typology'>[]>`
        select owner_id, typology from case_file where case_id = ${caseId}`;
      return row && { ownerId: row.owner_id, typology: row.typology };
    },

    async lock(tx, caseId) {
      const [row] = await tx<CaseRow[]>`
        select * from case_file where case_id = ${caseId} for no key update`;
      return row && toCase(row);
    },

    async save(tx, after, { kind, staffId, text, createdAt }) {
      await Promise.all([
        tx`
          update case_file set state = ${after.state}, assignee_id = ${after.assigneeId || null},
            evidence_count = ${after.evidenceCount}, journal_count = ${after.journalCount},
            blocks_customer = ${after.blocksCustomer},
            report_number = ${String(after.reportNumber)},
            updated_at = ${new Date(after.updatedAt)}
          where case_id = ${after.caseId}`,
        tx`
          insert into journal (case_id, kind, staff_id, text, created_at)
          values (${after.caseId}, ${kind}, ${staffId || null}, ${text}, ${new Date(createdAt)})`,
      ]);
    },

    async addEvidence(tx, caseId, added) {
      const rows = await tx`
        insert into evidence (case_id, transaction_id, rule_id, explanation, amount_minor, currency,
          staff_id, occurred_at)
        select ${caseId}, transaction_id, rule_id, explanation, amount_minor, currency, staff_id,
          to_timestamp(occurred_ms / 1000.0)
        from unnest(
          ${added.map((e) => e.transactionId ?? null)}::uuid[],
          ${added.map((e) => e.ruleId)}::text[],
          ${added.map((e) => e.explanation)}::text[],
          ${added.map((e) => (e.amount === undefined ? null : String(e.amount.amountMinor)))}::bigint[],
          ${added.map((e) => e.amount?.currency ?? null)}::text[],
          ${added.map((e) => e.staffId || null)}::uuid[],
          ${added.map((e) => String(e.occurredAt))}::bigint[]
        ) with ordinality as t (transaction_id, rule_id, explanation, amount_minor, currency,
          staff_id, occurred_ms, nth)
        order by nth
        on conflict do nothing
        returning position`;
      return rows.length;
    },

    async nextReportNumber(tx) {
      const [row] = await tx<{ number: bigint }[]>`select nextval('report_number') as number`;
      return row!.number;
    },

    async readReport(tx, caseId) {
      const [row] = await tx<{ content: Buffer }[]>`
        select content from report where case_id = ${caseId}`;
      return row?.content;
    },

    async insertReport(tx, caseId, { reportNumber, content, createdAt }) {
      await tx`
        insert into report (case_id, report_number, content, created_at)
        values (${caseId}, ${String(reportNumber)}, ${Buffer.from(content)},
          ${new Date(createdAt)})`;
    },
  };
}

/** A case as it was read. */
export function toCase(row: CaseRow): Case {
  return {
    caseId: row.case_id,
    ownerId: row.owner_id,
    typology: row.typology,
    state: row.state,
    assigneeId: row.assignee_id ?? '',
    evidenceCount: row.evidence_count,
    omittedCount: row.omitted_count,
    journalCount: row.journal_count,
    blocksCustomer: row.blocks_customer,
    reportNumber: row.report_number,
    createdAt: row.created_at.getTime(),
    updatedAt: row.updated_at.getTime(),
  };
}

function toEvidence(row: EvidenceRow): Evidence {
  const { amount_minor: amountMinor, currency } = row;
  return {
    transactionId: row.transaction_id ?? undefined,
    ruleId: row.rule_id,
    explanation: row.explanation,
    amount: amountMinor === null || currency === null ? undefined : { amountMinor, currency },
    staffId: row.staff_id ?? '',
    occurredAt: row.occurred_at.getTime(),
  };
}

function toEntry({ kind, staff_id, text, created_at }: JournalRow): JournalEntry {
  return { kind, staffId: staff_id ?? '', text, createdAt: created_at.getTime() };
}
