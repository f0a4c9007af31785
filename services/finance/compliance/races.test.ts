import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import { CaseState, Typology } from '#gen/finance/compliance/v1/compliance_pb.ts';
import { armDebugPoint } from '#kit/debug.ts';
import { uuidv7 } from '#kit/ids.ts';
import { killTransactions } from '#kit/testing/deaths.ts';
import { holdAt } from '#kit/testing/hold.ts';
import { meetAt, meetInCrowd, meetInTurn } from '#kit/testing/meet.ts';
import type { Network } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';
import {
  ALLOW,
  type Compliance,
  complianceOf,
  factsOf,
  newAccount,
  openLedger,
  postedOf,
  REVIEW,
} from './testing.ts';

const service = 'finance.compliance';
let network: Network;
let second: Network;
let processes: [Compliance, Compliance];
let ledger: Awaited<ReturnType<typeof openLedger>>;
let disarm = () => {};

beforeAll(async () => {
  network = await startNetwork([service]);
  second = await startNetwork([service], { joins: network });
  const [ada, bob] = [
    await network.person({ roles: ['staff'] }),
    await network.person({ roles: ['staff'] }),
  ];
  processes = [complianceOf(network, ada), complianceOf(second, bob)];
  ledger = await openLedger(network, inject('servers').natsUrl);
});
afterEach(() => disarm());
afterAll(async () => {
  await ledger.close();
  await second.stop();
  await network.stop();
});

const requestId = uuidv7;

/** A transaction that is reviewed: its account awakes. */
const suspect = (ownerId = uuidv7()) => ({
  from: newAccount({ ageDays: 400, ownerId }),
  to: newAccount(),
  amount: 900_000n,
  transactionId: uuidv7(),
});

async function openCase() {
  const wanted = suspect();
  await processes[0].check(wanted);
  const [found] = await processes[0].cases(wanted.from.ownerId);
  return { ...wanted, caseId: found!.caseId, ownerId: wanted.from.ownerId };
}

const at = (place: string) => ({ point: `finance.compliance.${place}`, sql: network.sql });

/** Lets the process that first comes to a place die there. */
function dieAt(place: string): void {
  disarm = armDebugPoint(`finance.compliance.${place}`, () => {
    disarm();
    return killTransactions(network.sql, 'finance.compliance');
  });
}

describe('two analysts', () => {
  test('who decide one case decide it once, and the other hears how', async () => {
    const { caseId, ownerId } = await openCase();
    const [first, other] = await meetInTurn(
      at('before-case-commit'),
      () => processes[0].resolve(caseId, CaseState.CONFIRMED, { blocksCustomer: true }),
      () => processes[1].resolve(caseId, CaseState.DISMISSED),
    );
    expect(first.status).toBe('fulfilled');
    expect(other).toMatchObject({
      reason: { reason: 'CASE_NOT_OPEN', metadata: { case_id: caseId, state: 'CONFIRMED' } },
    });
    expect(await processes[1].cases(ownerId)).toMatchObject([
      { state: CaseState.CONFIRMED, blocksCustomer: true },
    ]);
  });

  test('who write notes at once lose neither', async () => {
    const { caseId } = await openCase();
    const { headers } = processes[0];
    await meetInCrowd(at('before-case-commit'), 10, (i) =>
      processes[i % 2]!.people.addCaseNote(
        { requestId: requestId(), caseId, note: `note ${i}` },
        { headers },
      ),
    );
    const { journal } = await processes[0].people.getCase({ caseId }, { headers });
    const notes = journal.map(({ text }) => text).filter(Boolean);
    expect(notes.sort()).toEqual(Array.from({ length: 10 }, (_, i) => `note ${i}`));
  });

  test('who report one case make one report', async () => {
    const { caseId } = await openCase();
    await processes[0].resolve(caseId, CaseState.CONFIRMED);
    const report = (i: number) => () =>
      processes[i]!.people.exportSuspiciousActivity(
        { requestId: requestId(), caseId },
        { headers: processes[i]!.headers },
      );
    const [first, other] = await meetInTurn(at('before-case-commit'), report(0), report(1));
    expect(first.status).toBe('fulfilled');
    expect(other).toEqual(first);
  });
});

describe('a finding', () => {
  test('that two processes make of one transaction at once is one decision and one case', async () => {
    const wanted = suspect();
    const results = await meetInCrowd(at('before-decision'), 6, (i) =>
      processes[i % 2]!.check(wanted),
    );
    const ids = results.map((one) =>
      one.status === 'fulfilled' ? one.value.decisionId : one.reason,
    );
    expect(new Set(ids).size).toBe(1);
    expect(await processes[0].cases(wanted.from.ownerId)).toMatchObject([{ evidenceCount: 1 }]);
  });

  test('that two processes make of one customer at once goes to one case', async () => {
    const ownerId = uuidv7();
    const results = await meetInCrowd(at('before-decision'), 20, (i) =>
      processes[i % 2]!.check(suspect(ownerId)),
    );
    expect(results.every(({ status }) => status === 'fulfilled')).toBe(true);
    expect(await processes[0].cases(ownerId)).toMatchObject([{ evidenceCount: 20 }]);
  });

  test('that comes while its case is being decided opens another one', async () => {
    const { caseId, ownerId } = await openCase();
    const [decided, found] = await meetInTurn(
      at('before-case-commit'),
      () => processes[0].resolve(caseId, CaseState.DISMISSED),
      () => processes[1].check(suspect(ownerId)),
    );
    expect([decided.status, found.status]).toEqual(['fulfilled', 'fulfilled']);
    expect(await processes[0].cases(ownerId)).toMatchObject([
      { state: CaseState.OPEN, evidenceCount: 1 },
      { state: CaseState.DISMISSED, evidenceCount: 1 },
    ]);
  });
});

describe('a change of rules', () => {
  const watching = (currency: string) => ({
    name: 'anything',
    action: REVIEW,
    isEnabled: true,
    currencyCodes: [currency],
    typology: { case: 'dormantAccount' as const, value: { dormantDays: 1, amountMajorMin: 1n } },
  });
  const normal = (currency: string) => {
    return { from: newAccount(), to: newAccount(), amount: 5_000n, currency };
  };

  test('counts in every process once it is answered, and not before', async () => {
    const hold = holdAt('finance.compliance.before-rule-commit', 1);
    const changing = processes[0].createRule(watching('SEK'));
    await hold.reached;
    expect((await processes[1].check(normal('SEK'))).action).toBe(ALLOW);
    hold.letGo();
    const { version } = await changing;
    const verdicts = await Promise.all(processes.map((process) => process.check(normal('SEK'))));
    for (const verdict of verdicts) {
      expect(verdict).toMatchObject({ action: REVIEW, ruleSetVersion: version });
    }
  });

  test('is never lost, however many are made at once by whichever process', async () => {
    const before = await processes[0].people.listRules({}, { headers: processes[0].headers });
    const results = await meetInCrowd(at('before-rule-commit'), 8, (i) =>
      processes[i % 2]!.createRule(watching('NOK')),
    );
    expect(results.every(({ status }) => status === 'fulfilled')).toBe(true);
    const after = await processes[0].people.listRules({}, { headers: processes[0].headers });
    expect(after.rules).toHaveLength(before.rules.length + 8);
    expect(after.ruleSetVersion).toBe(before.ruleSetVersion + 8n);
    const versions = after.rules.slice(-8).map(({ version }) => version);
    expect(new Set(versions).size).toBe(8);
  });

  test('that dies before its commit has changed nothing, and is made when it is asked again', async () => {
    const [process] = processes;
    const request = { requestId: requestId(), spec: watching('DKK') };
    const create = () => process.people.createRule(request, { headers: process.headers });
    dieAt('before-rule-commit');
    await expect(create()).rejects.toMatchObject({ code: 'aborted' });
    expect((await process.check(normal('DKK'))).action).toBe(ALLOW);
    const { rule } = await create();
    expect((await create()).rule).toEqual(rule);
    expect((await process.check(normal('DKK'))).action).toBe(REVIEW);
  });
});

describe('a process that dies', () => {
  test('before it has kept a decision has kept no case, and decides when it is asked again', async () => {
    const wanted = suspect();
    dieAt('before-decision');
    await expect(processes[0].check(wanted)).rejects.toMatchObject({ code: 'aborted' });
    expect(await processes[1].cases(wanted.from.ownerId)).toEqual([]);
    expect((await processes[1].check(wanted)).action).toBe(REVIEW);
    expect(await processes[0].cases(wanted.from.ownerId)).toMatchObject([{ evidenceCount: 1 }]);
  });

  test('before it has decided a case leaves it open', async () => {
    const { caseId, ownerId } = await openCase();
    dieAt('before-case-commit');
    await expect(processes[0].resolve(caseId, CaseState.CONFIRMED)).rejects.toMatchObject({
      code: 'aborted',
    });
    expect(await processes[1].cases(ownerId)).toMatchObject([{ state: CaseState.OPEN }]);
    await processes[1].resolve(caseId, CaseState.DISMISSED);
    expect(await processes[0].cases(ownerId)).toMatchObject([{ state: CaseState.DISMISSED }]);
  });

  test('before it has made a report has used no case up', async () => {
    const { caseId } = await openCase();
    const [process] = processes;
    await process.resolve(caseId, CaseState.CONFIRMED);
    const request = { requestId: requestId(), caseId };
    const report = () =>
      process.people.exportSuspiciousActivity(request, { headers: process.headers });
    dieAt('before-case-commit');
    await expect(report()).rejects.toMatchObject({ code: 'aborted' });
    const { complianceCase } = await process.people.getCase(
      { caseId },
      { headers: process.headers },
    );
    expect(complianceCase).toMatchObject({ state: CaseState.CONFIRMED, reportNumber: 0n });
    expect(await report()).toEqual(await report());
  });

  test('while it looks at what was posted leaves it to the next one, once', async () => {
    const [ada, bob] = [newAccount(), newAccount()];
    const wanted = Array.from({ length: 3 }, () => {
      return { from: ada, to: bob, amount: 950_000n, transactionId: uuidv7() };
    });
    await processes[0].ledger.batchCheckTransactions({
      requests: wanted.map((one) => ({ facts: factsOf(one) })),
    });
    dieAt('before-detection');
    await ledger.tell(wanted.map(postedOf));
    await Promise.all([network.settle(), second.settle()]);
    const { complianceCase } = await processes[0].caseOf(ada.ownerId, Typology.STRUCTURING);
    expect(complianceCase!.evidenceCount).toBe(1);
    const [row] = await network.sql`
      select length(movements) as bytes from finance_compliance.account_window
      where account_id = ${ada.accountId}`;
    expect(row!.bytes).toBe(3 * 37);
  });
});

test('events of one account that two processes take at once are all in its window', async () => {
  const [ada, bob] = [newAccount(), newAccount()];
  const one = () => ({ from: ada, to: bob, amount: 1_000n, transactionId: uuidv7() });
  await processes[0].check(one());
  const meeting = meetAt(['finance.compliance.before-detection'], network.sql);
  await Promise.all(Array.from({ length: 20 }, () => ledger.tell([postedOf(one())])));
  await meeting.joined(2);
  meeting.letAllGo();
  await Promise.all([network.settle(), second.settle()]);
  const rows = await network.sql`
    select length(movements) as bytes from finance_compliance.account_window
    where account_id in ${network.sql([ada.accountId, bob.accountId])}`;
  expect(rows.map(({ bytes }) => bytes)).toEqual([20 * 37, 20 * 37]);
});
