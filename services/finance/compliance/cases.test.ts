import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CaseState, JournalKind, Typology } from '#gen/finance/compliance/v1/compliance_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Network, Person } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';
import { limits } from './domain.ts';
import { type Compliance, complianceOf, newAccount } from './testing.ts';

let network: Network;
let compliance: Compliance;
let analyst: Person;

beforeAll(async () => {
  network = await startNetwork(['finance.compliance']);
  analyst = await network.person({ roles: ['staff'] });
  compliance = complianceOf(network, analyst);
});
afterAll(() => network.stop());

/** A customer with an open case of an account that awoke, and the transaction in it. */
async function openCase() {
  const sleeper = newAccount({ ageDays: 400, now: network.clock.now() });
  const transactionId = uuidv7();
  await compliance.check({ from: sleeper, to: newAccount(), amount: 900_000n, transactionId });
  const [found] = await compliance.cases(sleeper.ownerId);
  return { caseId: found!.caseId, ownerId: sleeper.ownerId, transactionId };
}

const by = () => ({ headers: analyst.headers });
const requestId = uuidv7;

test('a case is listed by state, typology, customer and analyst, page by page', async () => {
  const ids: string[] = [];
  for (let i = 0; i < 5; i += 1) ids.push((await openCase()).caseId);
  const { people } = compliance;
  await people.assignCase(
    { requestId: requestId(), caseId: ids[0]!, assigneeId: analyst.id },
    by(),
  );
  const mine = await people.listCases({ assigneeId: analyst.id }, by());
  expect(mine.cases.map(({ caseId }) => caseId)).toEqual([ids[0]]);
  const filter = { state: CaseState.OPEN, typology: Typology.DORMANT_ACCOUNT, pageSize: 2 };
  const seen: string[] = [];
  let pageToken = '';
  do {
    const page = await people.listCases({ ...filter, pageToken }, by());
    seen.push(...page.cases.map(({ caseId }) => caseId));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  expect(seen).toEqual(ids.toReversed());
  const none = await people.listCases({ typology: Typology.CYCLE }, by());
  expect(none.cases).toEqual([]);
  const first = await people.listCases(filter, by());
  await expect(
    people.listCases({ ...filter, state: 0, pageToken: first.nextPageToken }, by()),
  ).rejects.toMatchObject({ reason: 'INVALID_PAGE_TOKEN' });
});

test('all that is done to a case is in its journal: who, when and why', async () => {
  const { caseId } = await openCase();
  const { people } = compliance;
  const transactionIds = [uuidv7(), uuidv7()];
  await people.assignCase({ requestId: requestId(), caseId, assigneeId: analyst.id }, by());
  await people.addCaseNote({ requestId: requestId(), caseId, note: 'calls back' }, by());
  const added = { requestId: requestId(), caseId, transactionIds, note: 'same pattern' };
  const { complianceCase } = await people.addCaseEvidence(added, by());
  expect(complianceCase!.evidenceCount).toBe(3);
  expect(await people.addCaseEvidence(added, by())).toMatchObject({ complianceCase });
  await compliance.resolve(caseId, CaseState.CONFIRMED);
  const found = await people.getCase({ caseId }, by());
  expect(found.journal.map(({ kind, staffId, text }) => [kind, staffId, text])).toEqual([
    [JournalKind.OPENED, '', ''],
    [JournalKind.ASSIGNED, analyst.id, analyst.id],
    [JournalKind.NOTE, analyst.id, 'calls back'],
    [JournalKind.EVIDENCE, analyst.id, 'same pattern'],
    [JournalKind.CONFIRMED, analyst.id, 'looked into it'],
  ]);
  expect(found.evidence.map((one) => one.staffId)).toEqual(['', analyst.id, analyst.id]);
});

test('a case that was dismissed takes nothing more', async () => {
  const { caseId } = await openCase();
  await compliance.resolve(caseId, CaseState.DISMISSED);
  const { people } = compliance;
  const request = { caseId, requestId: requestId() };
  const refused = {
    code: 'failed_precondition',
    metadata: { case_id: caseId, state: 'DISMISSED' },
  };
  const notOpen = { ...refused, reason: 'CASE_NOT_OPEN' };
  const tries = [
    () => people.addCaseNote({ ...request, note: 'late' }, by()),
    () => people.assignCase({ ...request, assigneeId: analyst.id }, by()),
    () => people.addCaseEvidence({ ...request, transactionIds: [uuidv7()], note: 'late' }, by()),
    () => people.resolveCase({ ...request, outcome: CaseState.CONFIRMED, note: 'late' }, by()),
  ];
  for (const one of tries) await expect(one()).rejects.toMatchObject(notOpen);
  await expect(
    people.exportSuspiciousActivity({ caseId, requestId: requestId() }, by()),
  ).rejects.toMatchObject({ ...refused, reason: 'CASE_NOT_CONFIRMED' });
});

test('a case that is full says so, and one that is unknown too', async () => {
  const { caseId } = await openCase();
  const { people } = compliance;
  await network.sql`
    update finance_compliance.case_file set journal_count = ${limits.journalPerCaseMax},
      evidence_count = ${limits.evidencePerCaseMax} where case_id = ${caseId}`;
  const note = { requestId: requestId(), caseId, note: 'one more' };
  await expect(people.addCaseNote(note, by())).rejects.toMatchObject({
    code: 'resource_exhausted',
    reason: 'CASE_FULL',
    metadata: { limit: String(limits.journalPerCaseMax) },
  });
  const unknown = uuidv7();
  await expect(people.getCase({ caseId: unknown }, by())).rejects.toMatchObject({
    reason: 'CASE_NOT_FOUND',
    metadata: { case_id: unknown },
  });
  await expect(people.addCaseNote({ ...note, caseId: unknown }, by())).rejects.toMatchObject({
    reason: 'REQUEST_ID_REUSED',
  });
});

describe('a report', () => {
  test('has who, when, how much and why, and is the same whenever it is asked for', async () => {
    const { caseId, ownerId, transactionId } = await openCase();
    const { people } = compliance;
    await people.addCaseNote({ requestId: requestId(), caseId, note: 'account was sold' }, by());
    await compliance.resolve(caseId, CaseState.CONFIRMED, { blocksCustomer: true });
    const ask = () => people.exportSuspiciousActivity({ requestId: requestId(), caseId }, by());
    const { report } = await ask();
    expect(report).toMatchObject({
      caseId,
      ownerId,
      typology: Typology.DORMANT_ACCOUNT,
      amounts: [{ currencyCode: 'EUR', amountMinor: 900_000n }],
      evidence: [{ transactionId }],
      filerId: analyst.id,
    });
    expect(report!.startTime).toEqual(report!.endTime);
    expect(report!.narrative).toContain('9,000.00 EUR after 400 days without a movement');
    expect(report!.narrative).toMatch(/NOTE: account was sold\n.*BLOCKED: looked into it/);
    await people.unblockCustomer({ requestId: requestId(), caseId, note: 'paid back' }, by());
    network.clock.advance({ days: 1 });
    expect((await ask()).report).toEqual(report);
    const { complianceCase } = await people.getCase({ caseId }, by());
    expect(complianceCase).toMatchObject({
      state: CaseState.REPORTED,
      reportNumber: report!.reportNumber,
      blocksCustomer: false,
    });
  });

  test('has a number of its own', async () => {
    const numbers = new Set<bigint>();
    for (let i = 0; i < 3; i += 1) {
      const { caseId } = await openCase();
      await compliance.resolve(caseId, CaseState.CONFIRMED);
      const request = { requestId: requestId(), caseId };
      const { report } = await compliance.people.exportSuspiciousActivity(request, by());
      numbers.add(report!.reportNumber);
    }
    expect(numbers.size).toBe(3);
  });
});
