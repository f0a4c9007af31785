import type { MessageInitShape } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type BacktestRulesRequestSchema, RuleSetMode } from '#gen/finance/risk/v1/risk_pb.ts';
import { TransactionType, VerdictAction } from '#gen/finance/transaction/v1/verdict_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Network } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';
import { asked, riskOf, ruleContent } from './testing.ts';

let network: Network;
let risk: ReturnType<typeof riskOf>;
/** The version in force while the second half was decided. */
let secondVersion = 0n;
const count = 120;
const { ALLOW, REVIEW, DENY } = VerdictAction;
const ruleIds: string[] = [];

beforeAll(async () => {
  network = await startNetwork(['finance.risk']);
  risk = riskOf(network, await network.person({ roles: ['staff'] }));
  await decideSome(0);
  network.clock.advance({ hours: 3 });
  const condition = 'velocity.account.count_24h > 20 && transaction.amount_minor % 3 == 0';
  const made = await risk.createRule({ condition, action: DENY });
  await risk.createRule({ condition: '1 / (transaction.amount_minor % 7) > 2' });
  ruleIds.push(made.ruleId);
  secondVersion = made.ruleSetVersion + 1n;
  await decideSome(1);
});
afterAll(() => network.stop());

/** Payments of all kinds by three people, of whom none is decided alike all the time. */
async function decideSome(half: number): Promise<void> {
  const people = Array.from({ length: 3 }, () => ({ source: uuidv7(), owner: uuidv7() }));
  const requests = Array.from({ length: count / 2 }, (_, i) =>
    asked({
      ...people[i % 3]!,
      amountMinor: BigInt(((i * 7_919 + half) % 97) * 20_011 + 1),
      type: i % 5 === 0 ? TransactionType.PAYMENT : TransactionType.TRANSFER,
      isDeposit: i % 11 === 0,
      ...(i % 7 === 0 ? { initiator: '' } : {}),
      ...(i % 4 === 0 ? { furtherLegs: [3n] } : {}),
    }),
  );
  const { results } = await risk.ledger.batchCheckTransactions({ requests });
  expect(results.filter(({ outcome }) => outcome.case !== 'response')).toEqual([]);
}

type Request = MessageInitShape<typeof BacktestRulesRequestSchema>;

const backtest = (request: Request = {}) =>
  risk.staff.backtestRules(request, { headers: risk.headers });

const candidate = (...rules: Parameters<typeof ruleContent>[0][]) => ({
  case: 'candidate' as const,
  value: { mode: RuleSetMode.COLLECT_ALL, rules: rules.map((rule) => ruleContent(rule)) },
});

describe('a backtest', () => {
  test('by the rules of the time makes every decision again as it was, and these are of all kinds', async () => {
    const page = await risk.staff.listDecisions({ pageSize: 500 }, { headers: risk.headers });
    const actions = new Set(page.decisions.map(({ verdict }) => verdict!.action));
    const versions = new Set(page.decisions.map(({ verdict }) => verdict!.ruleSetVersion));
    expect([...actions].sort()).toEqual([ALLOW, REVIEW, DENY]);
    expect([...versions].sort()).toEqual([1n, secondVersion]);
    expect(await backtest()).toMatchObject({
      examinedCount: count,
      differentCount: 0,
      examples: [],
      nextPageToken: '',
    });
  });

  test('by the version in force differs only where an older one decided', async () => {
    const { examinedCount, differentCount, examples } = await backtest({
      ruleSet: { case: 'version', value: secondVersion },
    });
    expect(examinedCount).toBe(count);
    expect(differentCount).toBeGreaterThan(0);
    for (const { decision } of examples) expect(decision!.verdict!.ruleSetVersion).toBe(1n);
  });

  test('by rules that nobody has put in force says what would become of whom', async () => {
    const rule = { condition: 'transaction.type == "PAYMENT"', action: DENY };
    const { differentCount, examples } = await backtest({
      ruleSet: candidate({ ...rule, explanation: 'No payments.' }),
    });
    expect(differentCount).toBeGreaterThan(20);
    expect(examples).toHaveLength(20);
    for (const { decision, action, findings } of examples) {
      const isPayment = decision!.inputs['transaction.type'] === 'PAYMENT';
      expect(action).toBe(isPayment ? DENY : ALLOW);
      expect(findings.map(({ explanation }) => explanation)).toEqual(
        isPayment ? ['No payments.'] : [],
      );
    }
    const { ruleSet } = await risk.staff.getRuleSet({}, { headers: risk.headers });
    expect(ruleSet!.version).toBe(secondVersion);
  });

  test('looks at all decisions of a period, page by page, and at no other', async () => {
    const { decisions } = await risk.staff.listDecisions(
      { pageSize: 1 },
      { headers: risk.headers },
    );
    // All of the second half were decided together: at the very moment at which the period begins.
    const startTime = decisions[0]!.verdict!.decideTime!;
    const ruleSet = candidate({ condition: 'true', action: DENY, explanation: 'nobody' });
    let examined = 0;
    let pages = 0;
    let pageToken = '';
    do {
      const page = await backtest({ ruleSet, startTime, pageSize: 25, pageToken });
      expect(page.differentCount).toBe(page.examinedCount);
      examined += page.examinedCount;
      pages += 1;
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect([examined, pages]).toEqual([count / 2, 3]);
    const before = await backtest({ ruleSet, endTime: startTime });
    expect(before.examinedCount).toBe(count / 2);
  });

  test('by a rule that is none, or by a version that was never, is refused', async () => {
    await expect(
      backtest({ ruleSet: candidate({}, { condition: 'nothing' }) }),
    ).rejects.toMatchObject({
      reason: 'RULE_INVALID',
      violations: [{ field: 'candidate.rules[1].condition' }],
    });
    await expect(backtest({ ruleSet: { case: 'version', value: 999n } })).rejects.toMatchObject({
      reason: 'RULE_SET_NOT_FOUND',
    });
  });
});
