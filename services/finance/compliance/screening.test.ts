import { copyFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  inject,
  onTestFinished,
  test,
} from 'vitest';
import {
  CaseState,
  SanctionsListChangedSchema,
  Typology,
} from '#gen/finance/compliance/v1/compliance_pb.ts';
import {
  Health,
  HealthCheckResponse_ServingStatus as Status,
} from '#gen/grpc/health/v1/health_pb.ts';
import { armDebugPoint } from '#kit/debug.ts';
import { uuidv7 } from '#kit/ids.ts';
import { scrape } from '#kit/telemetry/metrics.ts';
import { killTransactions } from '#kit/testing/deaths.ts';
import { holdAt } from '#kit/testing/hold.ts';
import type { Network } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';
import {
  ALLOW,
  type Compliance,
  complianceOf,
  DENY,
  newAccount,
  openLedger,
  REVIEW,
} from './testing.ts';

const service = 'finance.compliance';
let folder: string;
let network: Network;
let second: Network;
let compliance: Compliance;
let elsewhere: Compliance;
let ledger: Awaited<ReturnType<typeof openLedger>>;
let disarm = () => {};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'meshwork-sanctions-'));
  publishList(['OZYMANDIAS, Percy']);
  const settings = { [service]: { SANCTIONS_LIST: join(folder, 'sdn.csv') } };
  network = await startNetwork([service], { settings });
  second = await startNetwork([service], { settings, joins: network });
  const analyst = await network.person({ roles: ['staff'] });
  compliance = complianceOf(network, analyst);
  elsewhere = complianceOf(second, analyst);
  ledger = await openLedger(network, inject('servers').natsUrl);
});
beforeEach(() => publishList(['OZYMANDIAS, Percy']));
afterEach(() => disarm());
afterAll(async () => {
  await ledger.close();
  await second.stop();
  await network.stop();
  rmSync(folder, { recursive: true });
});

/** Puts a list into the place of the last, as a careful operator does. */
function publishList(names: readonly string[], alt = ''): void {
  const lines = names.map(
    (name, i) => `${i + 1},"${name}","individual","TEST",${'-0- ,'.repeat(7)}"DOB 1792."`,
  );
  replace('alt.csv', alt);
  replace('sdn.csv', `${lines.join('\r\n')}\r\n\u001A`);
}

function replace(file: string, text: string): void {
  writeFileSync(join(folder, `${file}.new`), text);
  renameSync(join(folder, `${file}.new`), join(folder, file));
}

/** Lets both processes look for a new list. */
async function lookNow(): Promise<void> {
  await Promise.all([network.settle(), second.settle()]);
}

const by = () => ({ headers: compliance.headers });
const listOf = async (one: Compliance) => one.people.getSanctionsList({}, by());
const find = async (one: Compliance, name: string) =>
  (await one.people.screenName({ name }, by())).matches.map((match) => match.name);

/** What becomes of a transaction of a customer. */
async function act(ownerId: string) {
  const account = newAccount({ ownerId, now: network.clock.now() });
  const verdict = await compliance.check({ from: account, to: newAccount(), amount: 1n });
  return verdict.action;
}

describe('a list', () => {
  test('that is new is loaded by every process, and told of once', async () => {
    await lookNow();
    const before = await listOf(compliance);
    const told = await ledger.listen(SanctionsListChangedSchema);
    publishList(['OZYMANDIAS, Percy', 'SHELLEY-INVENTED, Mary']);
    await lookNow();
    const after = await listOf(compliance);
    expect(after).toMatchObject({ entryCount: 2, nameCount: 2, fault: '' });
    expect(after.listVersion).not.toBe(before.listVersion);
    expect((await listOf(elsewhere)).listVersion).toBe(after.listVersion);
    expect(await find(elsewhere, 'Mary Shelley Invented')).toEqual(['SHELLEY-INVENTED, Mary']);
    await expect
      .poll(() => told.map(({ listVersion }) => listVersion))
      .toEqual([after.listVersion]);
    publishList(['OZYMANDIAS, Percy']);
    await lookNow();
    await expect.poll(() => told.map(({ entryCount }) => entryCount)).toEqual([2, 1]);
  });

  test('that is broken changes nothing, and shows until it is whole again', async () => {
    await lookNow();
    const before = await listOf(compliance);
    replace('sdn.csv', '1,"OZYMANDIAS, Percy","individual"\r\n');
    await lookNow();
    expect(await listOf(compliance)).toEqual({
      ...before,
      fault: 'sdn.csv:1: 3 fields instead of 12',
    });
    expect(await find(compliance, 'Percy Ozymandias')).toHaveLength(1);
    expect(await scrape()).toMatch(/reference_data_fault\{.*sanctions-list"\} 1/);
    rmSync(join(folder, 'alt.csv'));
    await lookNow();
    expect((await listOf(compliance)).fault).toBe('the files cannot be read');
    publishList(['OZYMANDIAS, Percy']);
    await lookNow();
    expect((await listOf(compliance)).fault).toBe('');
    expect(await scrape()).toMatch(/reference_data_fault\{.*sanctions-list"\} 0/);
  });

  test('of which one file was replaced so far is not taken', async () => {
    await lookNow();
    const before = await listOf(compliance);
    replace('alt.csv', '2,1,"aka","NOBODY YET",-0- \r\n');
    await lookNow();
    expect(await listOf(compliance)).toMatchObject({
      listVersion: before.listVersion,
      fault: 'alt.csv:1: sdn.csv has no 2',
    });
  });
});

describe('a customer', () => {
  beforeEach(lookNow);

  test('whose name is on no list does what they like, and of their name nothing is kept', async () => {
    const ownerId = uuidv7();
    const answer = await compliance.screen('Mildred Harmless', { ownerId });
    expect(answer).toMatchObject({ action: ALLOW, caseId: '' });
    expect(await act(ownerId)).toBe(ALLOW);
    const [row] = await network.sql`
      select row_to_json(c)::text as text from finance_compliance.customer c
      where owner_id = ${ownerId}`;
    expect(row!.text).not.toMatch(/mildred|harmless/i);
  });

  test('whose name is on the list does nothing until an analyst has dismissed it', async () => {
    const ownerId = uuidv7();
    const { action, caseId } = await compliance.screen('Percy Ozymandias', { ownerId });
    expect(action).toBe(DENY);
    expect(await act(ownerId)).toBe(DENY);
    const { evidence } = await compliance.caseOf(ownerId, Typology.SANCTIONS);
    expect(evidence[0]!.explanation).toMatch(/^the name is like entry 1 of list .*: 100 %$/);
    expect(evidence[0]!.transactionId).toBe('');
    await compliance.resolve(caseId, CaseState.DISMISSED);
    expect(await act(ownerId)).toBe(ALLOW);
    const renamed = await compliance.screen('Ozymandias Percy', { ownerId });
    expect(renamed.action).toBe(DENY);
    expect(await compliance.cases(ownerId)).toMatchObject([
      { caseId: renamed.caseId, state: CaseState.OPEN },
      { caseId, state: CaseState.DISMISSED },
    ]);
  });

  test('who was found to be somebody else is not found again under the same name', async () => {
    const ownerId = uuidv7();
    const { caseId } = await compliance.screen('Percy Ozymandias', { ownerId });
    await compliance.resolve(caseId, CaseState.DISMISSED);
    const again = await compliance.screen('Percy Ozymandias', { ownerId });
    expect(again).toMatchObject({ action: ALLOW, caseId: '' });
  });

  test('whose name is only like one is reviewed', async () => {
    const ownerId = uuidv7();
    const { action } = await compliance.screen('Persy Ozymandias', { ownerId });
    expect(action).toBe(REVIEW);
    expect(await act(ownerId)).toBe(REVIEW);
  });

  test('does not get free by another name', async () => {
    const ownerId = uuidv7();
    await compliance.screen('Percy Ozymandias', { ownerId });
    const renamed = await compliance.screen('Mildred Harmless', { ownerId });
    expect(renamed.action).toBe(DENY);
    expect(await act(ownerId)).toBe(DENY);
  });

  test('who is confirmed stays blocked, until they are unblocked', async () => {
    const ownerId = uuidv7();
    const { caseId } = await compliance.screen('Persy Ozymandias', { ownerId });
    const { complianceCase } = await compliance.resolve(caseId, CaseState.CONFIRMED);
    expect(complianceCase!.blocksCustomer).toBe(true);
    expect(await act(ownerId)).toBe(DENY);
    const unblocking = { requestId: uuidv7(), caseId, note: 'taken off the list' };
    await compliance.people.unblockCustomer(unblocking, by());
    expect(await act(ownerId)).toBe(ALLOW);
  });

  test('is screened once by one request, whoever repeats it', async () => {
    const [ownerId, requestId] = [uuidv7(), uuidv7()];
    const answers = await Promise.all(
      [compliance, elsewhere, compliance, elsewhere].map((one) =>
        one.screen('Percy Ozymandias', { ownerId, requestId }),
      ),
    );
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(await compliance.cases(ownerId)).toMatchObject([{ evidenceCount: 1 }]);
    await expect(compliance.screen('Mildred', { ownerId, requestId })).rejects.toMatchObject({
      reason: 'REQUEST_ID_REUSED',
    });
  });

  test('is never found clear by a list that is no longer in force', async () => {
    const ownerId = uuidv7();
    publishList(['OZYMANDIAS, Percy', 'SHELLEY-INVENTED, Mary']);
    // One process knows of it, and the other has not looked yet.
    await network.settle();
    const answer = await elsewhere.screen('Mary Shelley Invented', { ownerId });
    expect(answer.action).toBe(DENY);
    expect(answer.listVersion).toBe((await listOf(compliance)).listVersion);
  });

  test('waits while this process cannot load the list that is in force', async () => {
    const { listVersion } = await listOf(compliance);
    await network.sql`
      insert into finance_compliance.sanctions_list (version, entry_count, loaded_at)
      values ('newer', 1, now())`;
    await expect(compliance.screen('Mildred Harmless')).rejects.toMatchObject({
      code: 'unavailable',
      reason: 'SANCTIONS_LIST_MISSING',
    });
    await network.sql`delete from finance_compliance.sanctions_list where version = 'newer'`;
    expect((await compliance.screen('Mildred Harmless')).listVersion).toBe(listVersion);
  });

  test('is screened against one list, though another is loaded meanwhile', async () => {
    const ownerId = uuidv7();
    const hold = holdAt('finance.compliance.before-screening-commit', 1);
    const screening = compliance.screen('Mary Shelley Invented', { ownerId });
    await hold.reached;
    const { listVersion: old } = await listOf(compliance);
    publishList(['OZYMANDIAS, Percy', 'SHELLEY-INVENTED, Mary']);
    await network.settle();
    expect((await listOf(compliance)).entryCount).toBe(2);
    hold.letGo();
    expect(await screening).toMatchObject({ action: ALLOW, listVersion: old });
    // Whoever hears of the new list asks again.
    expect(await compliance.screen('Mary Shelley Invented', { ownerId })).toMatchObject({
      action: DENY,
    });
  });
});

test('a process that dies while it screens has kept nothing, and does it when it is asked again', async () => {
  const request = { ownerId: uuidv7(), requestId: uuidv7() };
  disarm = armDebugPoint('finance.compliance.before-screening-commit', () => {
    disarm();
    return killTransactions(network.sql, 'finance.compliance');
  });
  await expect(compliance.screen('Percy Ozymandias', request)).rejects.toMatchObject({
    code: 'aborted',
  });
  expect(await compliance.cases(request.ownerId)).toEqual([]);
  expect(await elsewhere.screen('Percy Ozymandias', request)).toMatchObject({ action: DENY });
  expect(await compliance.cases(request.ownerId)).toHaveLength(1);
});

test('a process without any list is not healthy, and begins as soon as there is one', async () => {
  const own = mkdtempSync(join(tmpdir(), 'meshwork-sanctions-'));
  const settings = { [service]: { SANCTIONS_LIST: join(own, 'sdn.csv') } };
  const other = 'commerce.inventory';
  const lone = await startNetwork([service, other], { settings });
  onTestFinished(async () => {
    await lone.stop();
    rmSync(own, { recursive: true });
  });
  const person = await lone.person({ roles: ['staff'] });
  const isServing = async (name = service) =>
    (await lone.client(Health, name).check({})).status === Status.SERVING;
  // Both are asked at the same time: by then the answer of the one without a list is known as well.
  await expect.poll(() => isServing(other), { timeout: 5_000 }).toBe(true);
  const alone = complianceOf(lone, person);
  for (const refused of [
    () => alone.people.screenName({ name: 'Anybody' }, person),
    () => alone.people.getSanctionsList({}, person),
    () => alone.screen('Anybody'),
  ]) {
    await expect(refused()).rejects.toMatchObject({
      code: 'unavailable',
      reason: 'SANCTIONS_LIST_MISSING',
    });
  }
  expect(await isServing()).toBe(false);
  writeFileSync(join(own, 'alt.csv'), '');
  copyFileSync(join(folder, 'sdn.csv'), join(own, 'sdn.csv'));
  await lone.settle();
  await expect.poll(() => isServing(), { timeout: 5_000 }).toBe(true);
  expect((await alone.screen('Percy Ozymandias')).action).toBe(DENY);
});
