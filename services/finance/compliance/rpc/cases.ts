import { type DescMessage, fromBinary } from '@bufbuild/protobuf';
import {
  type AddCaseEvidenceResponseSchema,
  type AddCaseNoteResponseSchema,
  type AssignCaseResponseSchema,
  CaseState,
  type ComplianceService,
  type ExportSuspiciousActivityResponseSchema,
  type ResolveCaseResponseSchema,
  SuspiciousActivityReportSchema,
  Typology,
  type UnblockCustomerResponseSchema,
} from '#gen/finance/compliance/v1/compliance_pb.ts';
import type { Clock } from '#kit/clock.ts';
import type { Database } from '#kit/db/database.ts';
import { requestKey } from '#kit/db/request-key.ts';
import { answerOnce } from '#kit/db/request-log.ts';
import { cutPage, decodeIdToken, encodePageToken } from '#kit/page.ts';
import { type Call, userOf } from '#kit/rpc/server/call.ts';
import type { Handlers } from '#kit/rpc/server/handlers.ts';
import type { Desk } from '../desk.ts';
import type { Author, Case, CaseCommand } from '../domain/cases.ts';
import { CaseNotFound } from '../domain/refusals.ts';
import { limits } from '../domain.ts';
import { caseToProto, entryToProto, evidenceToProto } from '../proto.ts';
import type { CaseFilter, CaseStore } from '../store/cases.ts';

type CaseHandlers = Pick<
  Handlers<typeof ComplianceService>,
  | 'listCases'
  | 'getCase'
  | 'assignCase'
  | 'addCaseNote'
  | 'addCaseEvidence'
  | 'resolveCase'
  | 'unblockCustomer'
  | 'exportSuspiciousActivity'
>;

/** What analysts ask for and do. */
export function createCaseRpc(deps: {
  database: Database;
  cases: CaseStore;
  desk: Desk;
  clock: Clock;
}): CaseHandlers {
  const { database, cases, desk, clock } = deps;
  const authorOf = (call: Call): Author => ({ staffId: userOf(call).id, now: clock.now() });

  function work<Response extends DescMessage>(
    request: Parameters<typeof requestKey>[1] & { caseId: string },
    call: Call,
    command: CaseCommand,
  ) {
    return answerOnce<Response>(database, call, requestKey(call, request), async (tx) => {
      const after = await desk.do(tx, request.caseId, command, authorOf(call));
      return { complianceCase: caseToProto(after) } as never;
    });
  }

  return {
    async listCases({ pageSize, pageToken, ...wanted }) {
      const filter = filterFromProto(wanted);
      const query = ['ListCases', ...Object.values(filter).map(String)];
      const before = decodeIdToken(query, pageToken);
      const size = pageSize || limits.casesPageDefault;
      const found = await cases.list(filter, before, size + 1);
      const { page, nextPageToken } = cutPage(found, size, (last) =>
        encodePageToken(query, [last.caseId]),
      );
      return { cases: page.map(caseToProto), nextPageToken };
    },

    async getCase({ caseId }) {
      const [found, evidence, journal] = await Promise.all([
        cases.read(caseId),
        cases.readEvidence(database.sql, caseId),
        cases.readJournal(database.sql, caseId),
      ]);
      if (found === undefined) throw new CaseNotFound({ case_id: caseId });
      return {
        complianceCase: caseToProto(found),
        evidence: evidence.map(evidenceToProto),
        journal: journal.map(entryToProto),
      };
    },

    assignCase: (request, call) => {
      const { assigneeId } = request;
      return work<typeof AssignCaseResponseSchema>(request, call, { kind: 'assign', assigneeId });
    },

    addCaseNote: (request, call) => {
      const { note: text } = request;
      return work<typeof AddCaseNoteResponseSchema>(request, call, { kind: 'note', text });
    },

    addCaseEvidence: (request, call) => {
      const { transactionIds, note: text } = request;
      const command = { kind: 'evidence' as const, transactionIds, text };
      return work<typeof AddCaseEvidenceResponseSchema>(request, call, command);
    },

    resolveCase: (request, call) => {
      const { blocksCustomer, note: text } = request;
      const isConfirmed = request.outcome === CaseState.CONFIRMED;
      const outcome = isConfirmed ? ('CONFIRMED' as const) : ('DISMISSED' as const);
      const command = { kind: 'resolve' as const, outcome, blocksCustomer, text };
      return work<typeof ResolveCaseResponseSchema>(request, call, command);
    },

    unblockCustomer: (request, call) => {
      const { note: text } = request;
      return work<typeof UnblockCustomerResponseSchema>(request, call, { kind: 'unblock', text });
    },

    exportSuspiciousActivity(request, call) {
      const key = requestKey(call, request);
      return answerOnce<typeof ExportSuspiciousActivityResponseSchema>(
        database,
        call,
        key,
        async (tx) => {
          const content = await desk.report(tx, request.caseId, authorOf(call));
          return { report: fromBinary(SuspiciousActivityReportSchema, content) };
        },
      );
    },
  };
}

function filterFromProto(wanted: {
  state: CaseState;
  typology: Typology;
  ownerId: string;
  assigneeId: string;
}): CaseFilter {
  return {
    state: nameOf<Case['state']>(CaseState, wanted.state),
    typology: nameOf<Case['typology']>(Typology, wanted.typology),
    ownerId: wanted.ownerId || undefined,
    assigneeId: wanted.assigneeId || undefined,
  };
}

/** The name of a value of an enum; undefined for the one that means nothing. */
function nameOf<Name extends string>(
  values: Readonly<Record<string, number>>,
  value: number,
): Name | undefined {
  const name = Object.keys(values).find((key) => values[key] === value);
  return value === 0 ? undefined : (name as Name);
}
