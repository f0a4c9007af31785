/** What analysts do with cases and with the rules that open them, as far as the contract wants it audited. */
import { CaseState } from '#gen/finance/compliance/v1/compliance_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import { complianceOf, REVIEW } from '#services/finance/compliance/testing.ts';
import type { Deed } from './audited.ts';
import type { World } from './world.ts';

/** Somebody of the invented list that a mesh screens by where no other is given. */
const listed = 'Grigory Petrovich Vostrikov-Invented';

export function deedsWithCases(world: World): Record<string, () => Promise<Deed>> {
  const { network, staff, newcomer } = world;
  const who = staff.id;
  const compliance = complianceOf(network, staff);
  const { people } = compliance;

  const openCase = async () => {
    const { id: ownerId } = await newcomer();
    const { caseId } = await compliance.screen(listed, { ownerId });
    return { caseId, ownerId };
  };
  type Request = { requestId: string; caseId: string };

  /** Something is done to a case that was opened for it. */
  const toCase = (act: (request: Request) => Promise<unknown>) => async (): Promise<Deed> => {
    const { caseId } = await openCase();
    await act({ requestId: uuidv7(), caseId });
    return { resourceId: caseId, who };
  };
  const spec = {
    name: 'a rule of a test',
    action: REVIEW,
    isEnabled: false,
    typology: { case: 'dormantAccount' as const, value: { dormantDays: 1, amountMajorMin: 50n } },
  };
  /** The same to a rule. */
  const toRule = (act: (request: { requestId: string; ruleId: string }) => Promise<unknown>) => {
    return async (): Promise<Deed> => {
      const { ruleId } = await compliance.createRule(spec);
      await act({ requestId: uuidv7(), ruleId });
      return { resourceId: ruleId, who };
    };
  };
  return {
    'case.assign': toCase((request) => people.assignCase({ ...request, assigneeId: who }, staff)),
    'case.note': toCase((request) => people.addCaseNote({ ...request, note: 'seen' }, staff)),
    'case.evidence': toCase((request) => {
      const evidence = { transactionIds: [uuidv7()], note: 'the same pattern' };
      return people.addCaseEvidence({ ...request, ...evidence }, staff);
    }),
    'case.resolve': toCase(({ caseId }) => compliance.resolve(caseId, CaseState.DISMISSED)),
    'case.report': toCase(async (request) => {
      await compliance.resolve(request.caseId, CaseState.CONFIRMED);
      return people.exportSuspiciousActivity(request, staff);
    }),
    'customer.unblock': async () => {
      const { caseId, ownerId } = await openCase();
      await compliance.resolve(caseId, CaseState.CONFIRMED, { blocksCustomer: true });
      await people.unblockCustomer({ requestId: uuidv7(), caseId, note: 'explained' }, staff);
      return { resourceId: ownerId, who };
    },
    'compliance_rule.create': toRule(async () => {}),
    'compliance_rule.update': toRule(async (request) => {
      const { rule } = await people.getRule({ ruleId: request.ruleId }, staff);
      const change = { spec: { ...spec, name: 'another' }, version: rule!.version };
      return people.updateRule({ ...request, ...change }, staff);
    }),
    'compliance_rule.delete': toRule((request) => people.deleteRule(request, staff)),
  };
}
