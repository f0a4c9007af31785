import { create, toBinary } from '@bufbuild/protobuf';
import { SuspiciousActivityReportSchema } from '#gen/finance/compliance/v1/compliance_pb.ts';
import type { Database, Tx } from '#kit/db/database.ts';
import { publish } from '#kit/db/outbox.ts';
import { debugPoint } from '#kit/debug.ts';
import {
  type Author,
  applyCommand,
  type Case,
  type CaseCommand,
  checkRoom,
  makeReport,
} from './domain/cases.ts';
import { clearCustomer, confirmCustomer } from './domain/customers.ts';
import { CaseNotFound } from './domain/refusals.ts';
import { caseEvents } from './events.ts';
import { reportToProto } from './proto.ts';
import type { CaseStore } from './store/cases.ts';
import type { CustomerStore } from './store/customers.ts';

/** Where analysts work: each command in the transaction that its caller records the answer in. */
export interface Desk {
  /** Does one command. Throws CaseNotFound and what the domain refuses. */
  do(tx: Tx, caseId: string, command: CaseCommand, author: Author): Promise<Case>;
  /** Makes the report of a confirmed case, or answers the one that was made: the bytes of its message. */
  report(tx: Tx, caseId: string, author: Author): Promise<Uint8Array>;
}

/** Works on the cases of `database`. */
export function createDesk(deps: {
  database: Database;
  cases: CaseStore;
  customers: CustomerStore;
}): Desk {
  const { database, cases, customers } = deps;

  async function lock(tx: Tx, caseId: string): Promise<Case> {
    const found = await cases.lock(tx, caseId);
    if (found === undefined) throw new CaseNotFound({ case_id: caseId });
    return found;
  }

  async function write(
    tx: Tx,
    before: Case,
    command: CaseCommand,
    author: Author,
    more: Partial<Case> = {},
  ): Promise<Case> {
    const { after, entry } = applyCommand(before, command, author);
    const written = { ...after, ...more };
    await cases.save(tx, written, entry);
    publish(database, tx, caseEvents([written]));
    await debugPoint('finance.compliance.before-case-commit');
    return written;
  }

  /** Adds what is not there yet, and answers how much the case has then. */
  async function addEvidence(
    tx: Tx,
    before: Case,
    command: CaseCommand & { kind: 'evidence' },
    { staffId, now }: Author,
  ): Promise<number> {
    checkRoom(before, command.transactionIds.length);
    const added = command.transactionIds.map((transactionId) => ({
      transactionId,
      ruleId: '',
      explanation: command.text,
      amount: undefined,
      staffId,
      occurredAt: now,
    }));
    return before.evidenceCount + (await cases.addEvidence(tx, before.caseId, added));
  }

  /** A case of the sanctions list decides what stands against the customer. */
  async function judgeMatch(tx: Tx, ownerId: string, command: CaseCommand): Promise<void> {
    const before = await customers.lock(tx, ownerId);
    if (before === undefined) return;
    const isConfirmed = command.kind === 'resolve' && command.outcome === 'CONFIRMED';
    await customers.save(tx, isConfirmed ? confirmCustomer(before) : clearCustomer(before));
  }

  return {
    async do(tx, caseId, command, author) {
      if (command.kind === 'resolve' || command.kind === 'unblock') {
        // Whoever screens the customer locks them before the case.
        const subject = await cases.subjectOf(tx, caseId);
        if (subject?.typology === 'SANCTIONS') {
          const { ownerId } = subject;
          await customers.lock(tx, ownerId);
          const judged = await write(tx, await lock(tx, caseId), command, author);
          await judgeMatch(tx, ownerId, command);
          return judged;
        }
      }
      const before = await lock(tx, caseId);
      if (command.kind !== 'evidence') return write(tx, before, command, author);
      // What is refused is refused before anything is written.
      applyCommand(before, command, author);
      const evidenceCount = await addEvidence(tx, before, command, author);
      return write(tx, before, command, author, { evidenceCount });
    },

    async report(tx, caseId, author) {
      const before = await lock(tx, caseId);
      const made = await cases.readReport(tx, caseId);
      if (made !== undefined) return made;
      applyCommand(before, { kind: 'report' }, author);
      const [evidence, journal] = await Promise.all([
        cases.readEvidence(tx, caseId),
        cases.readJournal(tx, caseId),
      ]);
      const reportNumber = await cases.nextReportNumber(tx);
      const report = makeReport(before, { evidence, journal }, reportNumber, author);
      const message = create(SuspiciousActivityReportSchema, reportToProto(report));
      const content = toBinary(SuspiciousActivityReportSchema, message);
      await cases.insertReport(tx, caseId, { reportNumber, content, createdAt: author.now });
      await write(tx, before, { kind: 'report' }, author, { reportNumber });
      return content;
    },
  };
}
