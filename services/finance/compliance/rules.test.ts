import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { VerdictAction } from '#gen/finance/transaction/v1/verdict_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Network } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';
import { limits } from './domain.ts';
import {
  ALLOW,
  type Compliance,
  complianceOf,
  DENY,
  newAccount,
  openLedger,
  postedOf,
  REVIEW,
  typologiesOf,
} from './testing.ts';

let network: Network;
let compliance: Compliance;
let ledger: Awaited<ReturnType<typeof openLedger>>;

beforeAll(async () => {
  network = await startNetwork(['finance.compliance']);
  compliance = complianceOf(network, await network.person({ roles: ['staff'] }));
  ledger = await openLedger(network, inject('servers').natsUrl);
});
afterAll(async () => {
  await ledger.close();
  await network.stop();
});

/** Any transaction of 50 or more, in a currency of its own, from an account that was opened a month ago. */
const watching = (currency: string, action: VerdictAction = REVIEW) => ({
  name: 'anything',
  action,
  isEnabled: true,
  currencyCodes: [currency],
  typology: { case: 'dormantAccount' as const, value: { dormantDays: 1, amountMajorMin: 50n } },
});

const asked = (currency: string) => ({
  from: newAccount(),
  to: newAccount({ ageDays: 0 }),
  amount: 5_000n,
  currency,
});

const requestId = uuidv7;
const by = () => ({ headers: compliance.headers });

describe('a rule', () => {
  test('counts from its answer on, as it is changed, and no longer once it is removed', async () => {
    const { people } = compliance;
    const act = async () => (await compliance.check(asked('SEK'))).action;
    expect(await act()).toBe(ALLOW);
    const rule = await compliance.createRule(watching('SEK'));
    expect(await act()).toBe(REVIEW);
    const spec = watching('SEK', DENY);
    const { ruleId } = rule;
    const changed = await people.updateRule({ requestId: requestId(), ruleId, spec }, by());
    const verdict = await compliance.check(asked('SEK'));
    expect(verdict.action).toBe(DENY);
    expect(verdict.ruleSetVersion).toBe(changed.rule!.version);
    expect(verdict.findings[0]!.ruleId).toBe(ruleId);
    const off = { ...spec, isEnabled: false };
    await people.updateRule({ requestId: requestId(), ruleId, spec: off }, by());
    expect(await act()).toBe(ALLOW);
    await people.updateRule({ requestId: requestId(), ruleId, spec }, by());
    await people.deleteRule({ requestId: requestId(), ruleId }, by());
    expect(await act()).toBe(ALLOW);
    await expect(people.getRule({ ruleId }, by())).rejects.toMatchObject({
      code: 'not_found',
      reason: 'RULE_NOT_FOUND',
      metadata: { rule_id: ruleId },
    });
  });

  test('is for its currencies alone', async () => {
    await compliance.createRule(watching('NOK'));
    expect((await compliance.check(asked('NOK'))).action).toBe(REVIEW);
    expect((await compliance.check(asked('DKK'))).action).toBe(ALLOW);
  });

  test('that only watches stops nothing, and opens a case once it is posted', async () => {
    await compliance.createRule(watching('CHF', ALLOW));
    const wanted = { ...asked('CHF'), transactionId: uuidv7() };
    expect(await compliance.check(wanted)).toMatchObject({ action: ALLOW, findings: [] });
    expect(await compliance.cases(wanted.from.ownerId)).toEqual([]);
    await ledger.tell([postedOf(wanted)]);
    await network.settle();
    expect(typologiesOf(await compliance.cases(wanted.from.ownerId))).toEqual(['DORMANT_ACCOUNT']);
  });

  test('comes back as it was written, whatever it looks for', async () => {
    const before = await compliance.people.listRules({}, by());
    expect(before.rules.map(({ spec }) => spec!.typology.case)).toEqual(
      expect.arrayContaining([
        'structuring',
        'rapidMovement',
        'fanIn',
        'fanOut',
        'cycle',
        'dormantAccount',
      ]),
    );
    for (const { spec } of before.rules.slice(0, 6)) {
      const made = await compliance.createRule({ ...spec!, isEnabled: false });
      const { rule } = await compliance.people.getRule({ ruleId: made.ruleId }, by());
      expect(rule).toEqual(made);
      expect(rule!.spec).toEqual({ ...spec, isEnabled: false });
    }
  });

  test('is not changed by whoever read an older one', async () => {
    const { ruleId, version } = await compliance.createRule(watching('HUF'));
    const request = { ruleId, spec: watching('HUF', DENY), version };
    const { people } = compliance;
    const { rule } = await people.updateRule({ ...request, requestId: requestId() }, by());
    await expect(
      people.updateRule({ ...request, requestId: requestId() }, by()),
    ).rejects.toMatchObject({
      code: 'aborted',
      reason: 'RULE_CHANGED',
      metadata: { rule_id: ruleId, version: String(rule!.version) },
    });
  });

  test('stays one of its typology, and of currencies that there are', async () => {
    const { ruleId } = await compliance.createRule(watching('CZK'));
    const value = { counterpartiesMin: 3, totalMajorMin: 1n, windowHours: 1 };
    const spec = { ...watching('CZK'), typology: { case: 'fanIn' as const, value } };
    const { people } = compliance;
    await expect(
      people.updateRule({ requestId: requestId(), ruleId, spec }, by()),
    ).rejects.toMatchObject({
      reason: 'TYPOLOGY_FIXED',
      metadata: { typology: 'DORMANT_ACCOUNT' },
    });
    await expect(compliance.createRule(watching('QQQ'))).rejects.toMatchObject({
      code: 'invalid_argument',
      reason: 'UNKNOWN_CURRENCY',
      metadata: { currency_code: 'QQQ' },
    });
  });
});

test('there are so many rules and no more', async () => {
  const { rules } = await compliance.people.listRules({}, by());
  for (let i = rules.length; i < limits.rulesMax; i += 1) {
    await compliance.createRule({ ...watching('ISK'), isEnabled: false });
  }
  await expect(compliance.createRule(watching('ISK'))).rejects.toMatchObject({
    code: 'resource_exhausted',
    reason: 'TOO_MANY_RULES',
    metadata: { limit: String(limits.rulesMax) },
  });
});
