import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { VerdictAction } from '#gen/finance/transaction/v1/verdict_pb.ts';
import { armDebugPoint } from '#kit/debug.ts';
import { uuidv7 } from '#kit/ids.ts';
import { killTransactions } from '#kit/testing/deaths.ts';
import { holdAt } from '#kit/testing/hold.ts';
import { meetAt, meetInCrowd } from '#kit/testing/meet.ts';
import type { Network } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';
import { risk as module } from './service.ts';
import { type Asked, asked, createProbe, riskOf } from './testing.ts';
import { cancelled, completed, createTestLedger } from './testing-ledger.ts';

const ledger = createTestLedger();
const { ALLOW, DENY } = VerdictAction;
let network: Network;
let second: Network;
/** The same service in two processes. */
let processes: ReturnType<typeof riskOf>[];
let windowsOf: Awaited<ReturnType<typeof createProbe>>;
let disarm = () => {};

beforeAll(async () => {
  network = await startNetwork([], { modules: [ledger.module, module] });
  second = await startNetwork(['finance.risk'], { joins: network });
  const staff = await network.person({ roles: ['staff'] });
  processes = [network, second].map((each) => riskOf(each, staff));
  windowsOf = await createProbe(at(0));
});
afterEach(() => disarm());
afterAll(async () => {
  await second.stop();
  await network.stop();
});

const at = (i: number) => processes[i % processes.length]!;

const atCommit = () => ({ point: 'finance.risk.before-commit', sql: network.sql });

const somebody = () => ({ source: uuidv7(), owner: uuidv7(), destination: uuidv7() });

function allowed(results: PromiseSettledResult<{ action: VerdictAction }>[]): number {
  const actions = results.map(
    (result) => (result as { value: { action: VerdictAction } }).value.action,
  );
  expect(new Set(actions)).toEqual(new Set([ALLOW, DENY]));
  return actions.filter((action) => action === ALLOW).length;
}

describe('64 callers of two processes', () => {
  const limits: [
    what: string,
    condition: string,
    most: number,
    payer: (i: number) => Partial<Asked>,
  ][] = [
    ['an account', 'velocity.account.count_1h > 10', 10, () => ({})],
    ['a person', 'velocity.person.sum_24h > 7300', 7, () => ({ source: uuidv7() })],
    ['a pair of accounts', 'velocity.counterparty.sum_30d > 12000', 12, () => ({})],
  ];

  test.each(limits)('never pass the limit of %s together', async (_, condition, most, payerOf) => {
    const rule = await at(0).createRule({ condition, action: DENY });
    const [unknown, known] = [somebody(), somebody()];
    await at(0).check({ ...known, ...payerOf(0), amountMinor: 1_000n });
    for (const [payer, left] of [
      [unknown, most],
      [known, most - 1],
    ] as const) {
      const results = await meetInCrowd(atCommit(), 64, (i) =>
        at(i).check({ ...payer, ...payerOf(i), amountMinor: 1_000n }),
      );
      expect(allowed(results)).toBe(left);
      expect(await windowsOf(payer, ['person.30d'])).toEqual({
        'person.30d': { count: BigInt(most), sum: BigInt(most) * 1_000n },
      });
    }
    await at(0).deleteRule(rule.ruleId);
  });

  test('who ask about one transaction get one verdict, and it is counted once', async () => {
    const payer = somebody();
    const request = asked(payer);
    const results = await meetInCrowd(atCommit(), 64, (i) =>
      at(i).ledger.checkTransaction(request),
    );
    const answers = results.map((result) => (result as { value?: unknown }).value);
    expect(answers[0]).toBeDefined();
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(await windowsOf(payer, ['account.1h'])).toEqual({
      'account.1h': { count: 1n, sum: 1_000n },
    });
  });

  test('who pay each other in circles wait for no one in a circle', async () => {
    const people = Array.from({ length: 6 }, somebody);
    const results = await meetInCrowd(atCommit(), 64, (i) => {
      const [from, to] = [people[i % 6]!, people[(i * 5 + 1) % 6]!];
      return at(i).check({ source: from.source, owner: from.owner, destination: to.source });
    });
    expect(results.filter(({ status }) => status === 'rejected')).toEqual([]);
  });
});

describe('a change of the rules', () => {
  test('is answered when no check is decided by the former ones any more', async () => {
    const rule = await at(0).createRule({ condition: 'false', action: DENY });
    const meeting = meetAt(['finance.risk.before-commit'], network.sql);
    const underWay = at(0).check();
    await meeting.joined(1);
    let isAnswered = false;
    const changing = at(1)
      .updateRule(rule.ruleId, { condition: 'true', action: DENY })
      .finally(() => {
        isAnswered = true;
      });
    await meeting.joined(2);
    expect(isAnswered).toBe(false);
    meeting.letAllGo();
    expect((await underWay).action).toBe(ALLOW);
    const { ruleSetVersion } = await changing;
    for (const process of processes) {
      expect(await process.check()).toMatchObject({ action: DENY, ruleSetVersion });
    }
    await at(0).deleteRule(rule.ruleId);
  });

  test('decides the checks that came while it was made', async () => {
    const meeting = meetAt(['finance.risk.before-rules'], network.sql);
    const changing = at(0).createRule({ condition: 'true', action: DENY });
    await meeting.joined(1);
    const checking = at(1).check();
    await meeting.joined(2);
    meeting.letAllGo();
    const rule = await changing;
    expect(await checking).toMatchObject({
      action: DENY,
      ruleSetVersion: rule.ruleSetVersion,
    });
    await at(0).deleteRule(rule.ruleId);
  });

  test('by two people at once loses neither', async () => {
    const made = await Promise.all(
      Array.from({ length: 10 }, (_, i) => at(i).createRule({ condition: 'false', priority: i })),
    );
    const { headers } = at(0);
    const { ruleSet } = await at(1).staff.getRuleSet({}, { headers });
    const ids = ruleSet!.rules.map(({ ruleId }) => ruleId);
    expect(ids).toEqual(expect.arrayContaining(made.map(({ ruleId }) => ruleId)));
    expect(new Set(made.map(({ ruleSetVersion }) => ruleSetVersion)).size).toBe(10);
    for (const { ruleId } of made) await at(0).deleteRule(ruleId);
  });
});

describe('a decision that lapses', () => {
  async function checked() {
    const payer = somebody();
    const request = asked(payer);
    const first = (await at(0).ledger.checkTransaction(request)).verdict!;
    network.clock.advance({ minutes: 3 });
    return { payer, request, first };
  }
  const again = async (i: number, request: ReturnType<typeof asked>) =>
    (await at(i).ledger.checkTransaction(request)).verdict!;
  const countedOf = async (payer: Partial<Asked>) =>
    (await windowsOf(payer, ['account.1h']))['account.1h']!.count;

  test('is made anew once, whoever asks at the same moment', async () => {
    const { payer, request, first } = await checked();
    // Its windows are there, so that nothing but the decision itself keeps the two apart.
    await at(0).check(payer);
    await network.settle();
    const meeting = meetAt(['finance.risk.before-commit'], network.sql);
    const asking = Promise.all([again(0, request), again(1, request)]);
    // Either finds by its insert that there is a former one, and only then looks at it.
    for (let i = 0; i < 2; i += 1) {
      await meeting.joined(2);
      meeting.letOneGo();
    }
    await meeting.joined(2);
    meeting.letAllGo();
    const [one, other] = await asking;
    expect(one).toEqual(other);
    expect(one).not.toEqual(first);
    expect(await countedOf(payer)).toBe(2n);
  });

  test('is made anew for who asks while it lapses, and both are counted right', async () => {
    const { payer, request, first } = await checked();
    const meeting = meetAt(['finance.risk.before-settle'], network.sql);
    const sweeping = network.settle();
    await meeting.joined(1);
    const asking = again(1, request);
    await meeting.joined(2);
    meeting.letAllGo();
    await sweeping;
    const anew = await asking;
    expect(anew).not.toEqual(first);
    expect(await again(0, request)).toEqual(anew);
    expect(await countedOf(payer)).toBe(1n);
  });

  test('takes nothing from the one after it, however late a process is', async () => {
    const { payer, request } = await checked();
    const hold = holdAt('finance.risk.before-lapse', 1);
    const sweeping = network.settle();
    await hold.reached;
    await network.settle();
    const anew = await again(1, request);
    hold.letGo();
    await sweeping;
    expect(await again(0, request)).toEqual(anew);
    expect(await at(0).decision(request.facts.transactionId)).not.toHaveProperty('lapseTime');
    expect(await countedOf(payer)).toBe(1n);
  });

  test('and an end that the ledger tells meanwhile are one or the other', async () => {
    const { payer, request } = await checked();
    const hold = holdAt('finance.risk.before-lapse', 1);
    const sweeping = network.settle();
    await hold.reached;
    const posted = completed(request.facts.transactionId, 1_000n);
    ledger.know(posted);
    await ledger.announce(posted);
    await network.settle();
    hold.letGo();
    await sweeping;
    await network.settle();
    expect(await countedOf(payer)).toBe(1n);
    expect(await at(0).decision(request.facts.transactionId)).not.toHaveProperty('lapseTime');
  });
});

describe('a process that dies', () => {
  test('before the commit of a check has decided nothing, and the next one does it once', async () => {
    const payer = somebody();
    const request = asked(payer);
    disarm = armDebugPoint('finance.risk.before-commit', () => {
      disarm();
      return killTransactions(network.sql, 'finance.risk');
    });
    await expect(at(0).ledger.checkTransaction(request)).rejects.toMatchObject({ code: 'aborted' });
    expect(await windowsOf(payer, ['account.1h'])).toEqual({
      'account.1h': { count: 0n, sum: 0n },
    });
    const { verdict } = await at(1).ledger.checkTransaction(request);
    expect((await at(0).ledger.checkTransaction(request)).verdict).toEqual(verdict);
    expect(await windowsOf(payer, ['account.1h'])).toEqual({
      'account.1h': { count: 1n, sum: 1_000n },
    });
  });

  test('in the middle of a settlement leaves it to the next one, which does it once', async () => {
    const payer = somebody();
    const { facts } = asked(payer);
    await at(0).ledger.checkTransaction({ facts });
    let deaths = 0;
    disarm = armDebugPoint('finance.risk.before-settle', async () => {
      deaths += 1;
      disarm();
      await killTransactions(network.sql, 'finance.risk');
    });
    await ledger.announce(cancelled(facts.transactionId));
    await expect.poll(() => deaths).toBe(1);
    await network.settle();
    expect(await windowsOf(payer, ['account.1h'])).toEqual({
      'account.1h': { count: 0n, sum: 0n },
    });
  });

  test('as a decision lapses leaves it to the next one, which gives back once', async () => {
    const payer = somebody();
    const [kept, request] = [asked(payer), asked(payer)];
    await at(0).ledger.checkTransaction(request);
    const first = await at(0).decision(request.facts.transactionId);
    network.clock.advance({ minutes: 3 });
    await at(0).ledger.checkTransaction(kept);
    disarm = armDebugPoint('finance.risk.before-settle', () => {
      disarm();
      return killTransactions(network.sql, 'finance.risk');
    });
    await expect(network.settle()).rejects.toThrow();
    expect(await at(0).decision(request.facts.transactionId)).toEqual(first);
    await network.settle();
    expect(await at(0).decision(request.facts.transactionId)).toHaveProperty('lapseTime');
    expect(await windowsOf(payer, ['account.1h'])).toEqual({
      'account.1h': { count: 1n, sum: 1_000n },
    });
  });

  test('before the commit of a rule has not made it', async () => {
    const { headers } = at(0);
    const before = await at(0).staff.getRuleSet({}, { headers });
    disarm = armDebugPoint('finance.risk.before-rules', () => {
      disarm();
      return killTransactions(network.sql, 'finance.risk');
    });
    await expect(at(0).createRule()).rejects.toMatchObject({ code: 'aborted' });
    expect(await at(1).staff.getRuleSet({}, { headers })).toEqual(before);
    expect((await at(1).check()).action).toBe(ALLOW);
  });
});
