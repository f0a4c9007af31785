import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RiskService, RuleSetMode } from '#gen/finance/risk/v1/risk_pb.ts';
import { VerdictAction } from '#gen/finance/transaction/v1/verdict_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Network, Person } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';
import { asked, riskOf, ruleContent } from './testing.ts';

let network: Network;
let staff: Person;
let risk: ReturnType<typeof riskOf>;

beforeAll(async () => {
  network = await startNetwork(['finance.risk']);
  staff = await network.person({ roles: ['staff'] });
  risk = riskOf(network, staff);
});
afterAll(() => network.stop());

const { ALLOW, REVIEW, DENY } = VerdictAction;

describe('the rules to begin with', () => {
  test.each([
    ['a small transfer', {}, ALLOW],
    ['ten thousand', { amountMinor: 1_000_000n }, ALLOW],
    ['a cent more than ten thousand', { amountMinor: 1_000_001n }, REVIEW],
    ['more than ten thousand with the fees', { amountMinor: 999_999n, furtherLegs: [2n] }, REVIEW],
    ['more than a million', { amountMinor: 100_000_001n }, DENY],
    ['more than a million as a deposit', { amountMinor: 100_000_001n, isDeposit: true }, ALLOW],
    ['more than a million by a service', { amountMinor: 100_000_001n, initiator: '' }, ALLOW],
    ['a million yen', { amountMinor: 1_000_000n, currencyCode: 'JPY' }, ALLOW],
    ['a yen more than a million', { amountMinor: 1_000_001n, currencyCode: 'JPY' }, REVIEW],
    ['ten thousand dinars', { amountMinor: 10_000_000n, currencyCode: 'BHD' }, ALLOW],
    ['more than that', { amountMinor: 10_000_001n, currencyCode: 'BHD' }, REVIEW],
  ] as const)('decide upon %s', async (_, more, action) => {
    const furtherLegs = 'furtherLegs' in more ? [...more.furtherLegs] : [];
    const verdict = await risk.check({ ...more, furtherLegs });
    expect(verdict.action).toBe(action);
  });

  test('have a person reviewed who moves more than a hundred thousand within a day', async () => {
    const owner = uuidv7();
    const actions = [];
    for (let i = 0; i < 11; i += 1) {
      actions.push((await risk.check({ owner, amountMinor: 1_000_000n })).action);
    }
    expect(actions).toEqual([...Array(10).fill(ALLOW), REVIEW]);
    network.clock.advance({ hours: 26 });
    expect((await risk.check({ owner, amountMinor: 1_000_000n })).action).toBe(ALLOW);
  });
});

describe('a check', () => {
  test('of the same transaction gives the same verdict, byte for byte, whatever has changed', async () => {
    const request = asked();
    const before = await Promise.all(
      Array.from({ length: 32 }, () => risk.ledger.checkTransaction(request)),
    );
    const rule = await risk.createRule({ condition: 'true', action: DENY });
    network.clock.advance({ hours: 1 });
    const after = await risk.ledger.checkTransaction(request);
    await risk.deleteRule(rule.ruleId);
    for (const answer of before) expect(answer).toEqual(after);
    expect(after.verdict).toMatchObject({ action: ALLOW, contentHash: request.facts.contentHash });
  });

  test('of the same transaction in capitals gives the same verdict', async () => {
    const request = asked();
    const answer = await risk.ledger.checkTransaction(request);
    const transactionId = request.facts.transactionId.toUpperCase();
    const again = await risk.ledger.checkTransaction({
      facts: { ...request.facts, transactionId },
    });
    expect(again).toEqual(answer);
  });

  test('of the same transaction with another content is refused', async () => {
    const request = asked();
    await risk.ledger.checkTransaction(request);
    const other = asked({ ...request.facts, contentHash: Buffer.alloc(32, 8) });
    const { transactionId } = request.facts;
    const calls = [other, request, other].map((one) => risk.ledger.checkTransaction(one));
    const [first, second, third] = await Promise.allSettled(calls);
    for (const refused of [first, third]) {
      expect(refused).toMatchObject({
        reason: {
          code: 'already_exists',
          reason: 'DECISION_EXISTS',
          metadata: { transaction_id: transactionId },
        },
      });
    }
    expect(second).toMatchObject({ value: { verdict: { action: ALLOW } } });
  });

  test('in a batch is decided after those before it, and harmed by none of them', async () => {
    const rule = await risk.createRule({ condition: 'velocity.account.count_1h > 2' });
    const source = uuidv7();
    const owner = uuidv7();
    const good = () => asked({ source, owner });
    const { results } = await risk.ledger.batchCheckTransactions({
      requests: [good(), asked({ currencyCode: 'ZZZ' }), good(), good(), asked()],
    });
    await risk.deleteRule(rule.ruleId);
    expect(results.map(({ outcome }) => outcome.case)).toEqual([
      'response',
      'error',
      'response',
      'response',
      'response',
    ]);
    const actions = results.map(({ outcome }) =>
      outcome.case === 'response' ? outcome.value.verdict!.action : undefined,
    );
    expect(actions).toEqual([ALLOW, undefined, ALLOW, REVIEW, ALLOW]);
  });

  test('expires after half a minute', async () => {
    const { decideTime, expireTime } = await risk.check();
    expect(expireTime!.seconds - decideTime!.seconds).toBe(30n);
  });

  const most = 2n ** 63n - 1n;

  test.each([
    ['a currency that there is not', { currencyCode: 'ZZZ' }, 'UNKNOWN_CURRENCY'],
    ['a total past 64 bits', { amountMinor: most, furtherLegs: [1n] }, 'FACTS_OUT_OF_RANGE'],
  ])('of %s is refused by a reason', async (_, more, reason) => {
    await expect(risk.check({ initiator: '', ...more })).rejects.toMatchObject({ reason });
  });

  test('that would run the windows over 64 bits is refused, and the one before it stands', async () => {
    const owner = uuidv7();
    const by = { owner, initiator: '' };
    expect((await risk.check({ ...by, amountMinor: most })).action).toBe(ALLOW);
    await expect(risk.check({ ...by, amountMinor: 1n })).rejects.toMatchObject({
      code: 'out_of_range',
      reason: 'FACTS_OUT_OF_RANGE',
      metadata: { field: 'velocity' },
    });
    expect((await risk.check({ ...by, currencyCode: 'USD', amountMinor: 1n })).action).toBe(ALLOW);
  });

  test('denies by a rule that cannot be evaluated, and says so', async () => {
    const condition = '1 / (transaction.amount_minor - 777) < 0';
    const rule = await risk.createRule({ condition, action: ALLOW });
    const verdict = await risk.check({ amountMinor: 777n });
    const other = await risk.check({ amountMinor: 778n });
    await risk.deleteRule(rule.ruleId);
    expect(verdict).toMatchObject({
      action: DENY,
      findings: [{ ruleId: rule.ruleId, action: DENY }],
    });
    expect(verdict.findings[0]!.explanation).toMatch(/cannot be evaluated/);
    expect(other.action).toBe(ALLOW);
  });
});

describe('rules', () => {
  test('are asked by priority, and the first that matches decides where the set says so', async () => {
    const mode = (wanted: RuleSetMode) =>
      risk.staff.updateRuleSet({ requestId: uuidv7(), mode: wanted }, { headers: staff.headers });
    const condition = 'transaction.currency == "CHF"';
    const made = [
      await risk.createRule({ condition, action: REVIEW, priority: 2 }),
      await risk.createRule({ condition, action: ALLOW, priority: 1 }),
      await risk.createRule({ condition, action: DENY, priority: 3 }),
    ];
    const all = await risk.check({ currencyCode: 'CHF' });
    await mode(RuleSetMode.FIRST_MATCH);
    const first = await risk.check({ currencyCode: 'CHF' });
    await risk.updateRule(made[1]!.ruleId, {
      condition,
      action: ALLOW,
      priority: 1,
      isEnabled: false,
    });
    const second = await risk.check({ currencyCode: 'CHF' });
    await mode(RuleSetMode.COLLECT_ALL);
    for (const { ruleId } of made) await risk.deleteRule(ruleId);
    expect(all.findings.map(({ action }) => action)).toEqual([DENY, REVIEW]);
    expect([all, first, second].map(({ action }) => action)).toEqual([DENY, ALLOW, REVIEW]);
  });

  test('make a new version with each change, and the old ones stay as they were', async () => {
    const read = async (version = 0n) =>
      (await risk.staff.getRuleSet({ version }, { headers: staff.headers })).ruleSet!;
    const before = await read();
    const { ruleId, ruleSetVersion } = await risk.createRule({ priority: 7 });
    await risk.updateRule(ruleId, { condition: 'false', priority: 7 });
    const { ruleSetVersion: last } = await risk.deleteRule(ruleId);
    expect([ruleSetVersion, last]).toEqual([before.version + 1n, before.version + 3n]);
    const after = await read();
    expect(after).toMatchObject({ version: last, authorId: staff.id });
    expect(after.rules).toEqual(before.rules);
    expect(await read(before.version)).toEqual(before);
    const contentOf = async (version: bigint) =>
      (await read(version)).rules.find((rule) => rule.ruleId === ruleId)?.content?.condition;
    expect(await contentOf(ruleSetVersion)).toBe('true');
    expect(await contentOf(ruleSetVersion + 1n)).toBe('false');
    await expect(read(last + 1n)).rejects.toMatchObject({ reason: 'RULE_SET_NOT_FOUND' });
  });

  test('are made once by a request that is sent twice', async () => {
    const request = { requestId: uuidv7(), content: ruleContent({ condition: 'false' }) };
    const options = { headers: staff.headers };
    const [one, other] = await Promise.all([
      risk.staff.createRule(request, options),
      risk.staff.createRule(request, options),
    ]);
    expect(one).toEqual(other);
    await risk.deleteRule(one.rule!.ruleId);
    await expect(risk.deleteRule(one.rule!.ruleId)).rejects.toMatchObject({
      reason: 'RULE_NOT_FOUND',
    });
  });

  test('with a condition that is none are refused by the place of the fault', async () => {
    const before = await risk.staff.getRuleSet({}, { headers: staff.headers });
    await expect(risk.createRule({ condition: 'transaction.amout > 1' })).rejects.toMatchObject({
      code: 'invalid_argument',
      reason: 'RULE_INVALID',
      metadata: { line: '1', column: '12' },
      violations: [{ field: 'content.condition' }],
    });
    expect(await risk.staff.getRuleSet({}, { headers: staff.headers })).toEqual(before);
  });

  test('may be a thousand, and one more is refused', async () => {
    const { headers } = staff;
    const { ruleSet } = await risk.staff.getRuleSet({}, { headers });
    const rules = Array.from({ length: 1_000 }, (_, i) => ({
      ...ruleSet!.rules[0]!.content,
      ruleId: uuidv7(),
      condition: `transaction.amount_minor == ${i}`,
      action: 'REVIEW',
      ruleSetVersion: 1,
    }));
    // By a thousand requests it would be the same, and take the rate limit of a quarter of an hour.
    const version = ruleSet!.version + 1n;
    await network.sql`
      insert into finance_risk.rule_set (version, mode, rules)
      values (${String(version)}, 'COLLECT_ALL', ${JSON.stringify(rules)}::text::jsonb)`;
    expect(await risk.check({ amountMinor: 999n })).toMatchObject({
      action: REVIEW,
      ruleSetVersion: version,
      findings: [{ ruleId: rules[999]!.ruleId }],
    });
    await expect(risk.createRule()).rejects.toMatchObject({
      code: 'resource_exhausted',
      reason: 'TOO_MANY_RULES',
      metadata: { limit: '1000' },
    });
    await network.sql`
      insert into finance_risk.rule_set (version, mode, rules)
      select version + 2, mode, rules from finance_risk.rule_set
      where version = ${String(ruleSet!.version)}`;
    expect((await risk.check({ amountMinor: 999n })).action).toBe(ALLOW);
  });

  test('are listed in their order, page by page', async () => {
    const made = [];
    for (const priority of [5, 3, 5, 4]) {
      made.push(await risk.createRule({ condition: 'false', priority }));
    }
    const listed = [];
    let pageToken = '';
    do {
      const page = await risk.staff.listRules(
        { pageSize: 2, pageToken },
        { headers: staff.headers },
      );
      expect(page.rules.length).toBeLessThanOrEqual(2);
      listed.push(...page.rules);
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    for (const { ruleId } of made) await risk.deleteRule(ruleId);
    expect(listed.slice(0, 4)).toEqual([made[1], made[3], made[0], made[2]]);
    expect(listed).toHaveLength(8);
  });

  test('are for staff, and checks for the ledger', async () => {
    const { headers } = await network.person();
    const client = network.client(RiskService, 'finance.risk');
    const order = network.client(RiskService, 'finance.risk', { service: 'commerce.order' });
    const request = { requestId: uuidv7(), content: ruleContent() };
    for (const call of [
      () => client.createRule(request, { headers }),
      () => client.checkTransaction(asked(), { headers: staff.headers }),
      () => order.checkTransaction(asked()),
    ]) {
      await expect(call()).rejects.toMatchObject({ reason: 'CALLER_NOT_ALLOWED' });
    }
  });
});

describe('a decision', () => {
  test('says by which values and which version it was made', async () => {
    const { facts } = asked({ amountMinor: 1_000_001n });
    const { verdict } = await risk.ledger.checkTransaction({ facts });
    const decision = await risk.decision(facts.transactionId);
    expect(decision).toMatchObject({ transactionId: facts.transactionId, verdict });
    expect(decision.inputs).toMatchObject({
      'transaction.amount_minor': '1000001',
      'transaction.is_by_owner': 'true',
      'source.account_id': facts.legs[0]!.source.accountId,
      'velocity.account.count_1h': '1',
      'velocity.person.sum_30d': '1000001',
    });
    await expect(risk.decision(uuidv7())).rejects.toMatchObject({ reason: 'DECISION_NOT_FOUND' });
  });

  test('is listed, the newest first, and by what was decided', async () => {
    const made = [];
    for (const amountMinor of [1n, 1_000_001n, 2n, 1_000_002n]) {
      made.push((await risk.check({ amountMinor })).decisionId);
    }
    const list = async (action: VerdictAction, pageSize: number) => {
      const first = await risk.staff.listDecisions({ action, pageSize }, staff);
      const { nextPageToken: pageToken } = first;
      const next = await risk.staff.listDecisions({ action, pageSize, pageToken }, staff);
      return [...first.decisions, ...next.decisions].map(({ verdict }) => verdict!.decisionId);
    };
    expect(await list(VerdictAction.UNSPECIFIED, 2)).toEqual(made.toReversed());
    expect(await list(REVIEW, 1)).toEqual([made[3], made[1]]);
    expect(await list(ALLOW, 1)).toEqual([made[2], made[0]]);
  });
});
