/** Those who make the rules of the bank, and look into what the rules found. */
import { CaseState, ComplianceService } from '#gen/finance/compliance/v1/compliance_pb.ts';
import { RiskService } from '#gen/finance/risk/v1/risk_pb.ts';
import { VerdictAction } from '#gen/finance/transaction/v1/verdict_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Act } from '../load.ts';
import { tolerate } from '../patience.ts';
import type { StaffDeps } from './staff.ts';

/** A rule that stops nobody, and is gone as soon as it is there. */
const idleRule = { action: VerdictAction.REVIEW, isEnabled: false };
const noMoreNotes = ['CASE_NOT_OPEN', 'CASE_FULL'];

export function createOversight({ mesh, desk, bank }: StaffDeps): Act[] {
  const compliance = mesh.client(ComplianceService, 'finance.compliance');
  return [
    async function changeRisk(random) {
      const author = random.pick(bank.staff);
      const { createRule, deleteRule } = RiskService.method;
      const content = {
        ...{ ...idleRule, name: 'Idle', explanation: 'It is never asked.', priority: 900 },
        condition: 'transaction.amount_minor == 0',
      };
      const { rule } = await desk.write(author, createRule, { requestId: uuidv7(), content });
      const { ruleId } = rule!;
      await desk.write(author, deleteRule, { requestId: uuidv7(), ruleId });
    },

    async function changeCompliance(random) {
      const author = random.pick(bank.staff);
      const { createRule, deleteRule } = ComplianceService.method;
      const parameters = { thresholdMajor: 10_000n, bandPercent: 5, countMin: 9, windowHours: 1 };
      const typology = { case: 'structuring' as const, value: parameters };
      const spec = { ...idleRule, name: 'Idle', typology };
      const { rule } = await desk.write(author, createRule, { requestId: uuidv7(), spec });
      const { ruleId } = rule!;
      await desk.write(author, deleteRule, { requestId: uuidv7(), ruleId });
    },

    async function noteCase(random) {
      const analyst = random.pick(bank.staff);
      const { cases } = await desk.insist(analyst, () =>
        compliance.listCases({ state: CaseState.OPEN }, analyst),
      );
      if (cases.length === 0) return;
      const { caseId } = random.pick(cases);
      const request = { requestId: uuidv7(), caseId, note: 'looked at' };
      await tolerate(noMoreNotes, () =>
        desk.write(analyst, ComplianceService.method.addCaseNote, request),
      );
    },
  ];
}
