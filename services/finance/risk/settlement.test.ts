import { timestampMs } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { VerdictAction } from '#gen/finance/transaction/v1/verdict_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Network } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';
import { risk as module } from './service.ts';
import { asked, createProbe, riskOf } from './testing.ts';
import { cancelled, completed, createTestLedger, failed, pending } from './testing-ledger.ts';

const ledger = createTestLedger();
let network: Network;
let risk: ReturnType<typeof riskOf>;
let windowsOf: Awaited<ReturnType<typeof createProbe>>;
/** Somebody whom no other test knows. */
let payer: { source: string; owner: string; destination: string };

beforeAll(async () => {
  network = await startNetwork([], { modules: [ledger.module, module] });
  risk = riskOf(network, await network.person({ roles: ['staff'] }));
  windowsOf = await createProbe(risk);
});
beforeEach(() => {
  payer = { source: uuidv7(), owner: uuidv7(), destination: uuidv7() };
});
afterAll(() => network.stop());

/** Checks a payment of so much; answers its transaction_id. */
async function reserved(amountMinor: bigint, more: { furtherLegs?: bigint[] } = {}) {
  const request = asked({ ...payer, amountMinor, ...more });
  await risk.ledger.checkTransaction(request);
  return request.facts.transactionId;
}

async function announced(...transactions: Parameters<typeof ledger.announce>) {
  await ledger.announce(...transactions);
  await network.settle();
}

const all = ['account.1h', 'person.24h', 'counterparty.30d'];

/** What all of these windows hold alike. */
async function counted() {
  const windows = Object.values(await windowsOf(payer, all));
  for (const window of windows) expect(window).toEqual(windows[0]);
  return windows[0]!;
}

const open = async () => {
  const rows = await network.sql`
    select transaction_id from finance_risk.reservation join finance_risk.decision using (decision_id)`;
  return rows.map((row) => row.transaction_id);
};

describe('what is reserved', () => {
  test('stays counted when the transaction completes, and only then needs no more watching', async () => {
    const id = await reserved(700n);
    expect(await counted()).toEqual({ count: 1n, sum: 700n });
    await announced(pending(id));
    expect(await open()).toContain(id);
    await announced(completed(id, 700n));
    expect(await counted()).toEqual({ count: 1n, sum: 700n });
    expect(await open()).not.toContain(id);
  });

  test('is given back but for what was captured', async () => {
    const id = await reserved(700n);
    await announced(completed(id, 200n, 700n));
    expect(await counted()).toEqual({ count: 1n, sum: 200n });
  });

  test.each([
    ['fails', failed],
    ['is cancelled', cancelled],
  ])('is given back when the transaction %s', async (_, ended) => {
    const other = await reserved(5n);
    const id = await reserved(700n, { furtherLegs: [11n] });
    expect(await counted()).toEqual({ count: 2n, sum: 716n });
    await announced(ended(id));
    expect(await counted()).toEqual({ count: 1n, sum: 5n });
    expect(await open()).toContain(other);
  });

  test('is given back once, however often, late and in whatever order its end is told', async () => {
    const kept = await reserved(5n);
    const id = await reserved(700n);
    await ledger.announce(cancelled(id), cancelled(id));
    await ledger.announce(pending(id));
    await announced(cancelled(id), completed(kept, 5n));
    await announced(completed(id, 700n), cancelled(kept));
    expect(await counted()).toEqual({ count: 1n, sum: 5n });
  });

  test('is given back to the windows that still hold it, and to no other', async () => {
    const id = await reserved(700n);
    network.clock.advance({ hours: 2 });
    // The ledger is asked meanwhile, and says that it waits.
    ledger.know(pending(id));
    await network.settle();
    await reserved(5n);
    await announced(cancelled(id));
    expect(await windowsOf(payer, all)).toEqual({
      'account.1h': { count: 1n, sum: 5n },
      'person.24h': { count: 1n, sum: 5n },
      'counterparty.30d': { count: 1n, sum: 5n },
    });
  });

  test('is nothing where a check denies', async () => {
    const { facts } = asked({ ...payer, amountMinor: 200_000_000n });
    await risk.ledger.checkTransaction({ facts });
    expect(await counted()).toEqual({ count: 0n, sum: 0n });
    expect(await open()).not.toContain(facts.transactionId);
  });
});

describe('a transaction of which nothing is heard', () => {
  test('is given back when the ledger does not know it', async () => {
    await reserved(700n);
    network.clock.advance({ minutes: 1 });
    await network.settle();
    expect(await counted()).toEqual({ count: 1n, sum: 700n });
    network.clock.advance({ minutes: 2 });
    await network.settle();
    expect(await counted()).toEqual({ count: 0n, sum: 0n });
  });

  test('is settled as the ledger knows it', async () => {
    const [whole, part, gone] = [await reserved(700n), await reserved(70n), await reserved(7n)];
    ledger.know(completed(whole, 700n), completed(part, 30n, 70n), failed(gone));
    network.clock.advance({ minutes: 11 });
    await network.settle();
    expect(await counted()).toEqual({ count: 2n, sum: 730n });
    expect(await open()).not.toContain(whole);
  });

  test('is asked about again while its money is held', async () => {
    const id = await reserved(700n);
    ledger.know(pending(id));
    network.clock.advance({ minutes: 11 });
    await network.settle();
    expect(await open()).toContain(id);
    ledger.know(cancelled(id));
    network.clock.advance({ minutes: 61 });
    await network.settle();
    expect(await open()).not.toContain(id);
    expect(await windowsOf(payer, ['account.24h'])).toEqual({
      'account.24h': { count: 0n, sum: 0n },
    });
  });

  test('keeps what it holds while the ledger is away', async () => {
    const id = await reserved(700n);
    ledger.leave();
    network.clock.advance({ minutes: 11 });
    await network.settle();
    expect(await counted()).toEqual({ count: 1n, sum: 700n });
    ledger.comeBack();
    await network.settle();
    expect(await counted()).toEqual({ count: 0n, sum: 0n });
    expect(await open()).not.toContain(id);
  });
});

describe('a decision of whose transaction the ledger knows nothing', () => {
  async function lapse(): Promise<void> {
    network.clock.advance({ minutes: 3 });
    await network.settle();
  }
  const verdictOn = async (request: ReturnType<typeof asked>) =>
    (await risk.ledger.checkTransaction(request)).verdict!;

  test('stays as long as that may still come, and lapses then: who asks again is decided anew', async () => {
    const request = asked({ ...payer, amountMinor: 700n });
    const first = await verdictOn(request);
    network.clock.advance({ minutes: 1 });
    await network.settle();
    expect(await verdictOn(request)).toEqual(first);
    await lapse();
    const rule = await risk.createRule({ condition: 'transaction.amount_minor == 700' });
    const second = await verdictOn(request);
    await risk.deleteRule(rule.ruleId);
    expect(second).toMatchObject({ action: VerdictAction.REVIEW });
    expect(second.decisionId).not.toBe(first.decisionId);
    expect(timestampMs(second.expireTime!)).toBeGreaterThan(network.clock.now());
    expect(await verdictOn(request)).toEqual(second);
    expect(await counted()).toEqual({ count: 1n, sum: 700n });
    await announced(cancelled(request.facts.transactionId));
    expect(await counted()).toEqual({ count: 0n, sum: 0n });
  });

  test('is kept, and made again by a backtest as what came after it', async () => {
    const request = asked(payer);
    const { transactionId } = request.facts;
    const first = await verdictOn(request);
    await lapse();
    const lapsed = await risk.decision(transactionId);
    expect(lapsed).toMatchObject({ verdict: first, lapseTime: expect.anything() });
    const second = await verdictOn(request);
    const { decisions } = await risk.staff.listDecisions({ pageSize: 2 }, risk);
    expect(decisions.map(({ verdict }) => verdict)).toEqual([second, first]);
    expect(decisions.map(({ lapseTime }) => lapseTime)).toEqual([undefined, lapsed.lapseTime]);
    expect((await risk.decision(transactionId)).verdict).toEqual(second);
    const startTime = first.decideTime!;
    expect(await risk.staff.backtestRules({ startTime }, risk)).toMatchObject({
      examinedCount: 2,
      differentCount: 0,
    });
  });

  test('still refuses another content, and may lapse again and again', async () => {
    const request = asked(payer);
    const made = new Set<string>();
    for (let i = 0; i < 3; i += 1) {
      made.add((await verdictOn(request)).decisionId);
      await lapse();
      const { facts } = asked({ ...request.facts, contentHash: Buffer.alloc(32, 8) });
      await expect(risk.ledger.checkTransaction({ facts })).rejects.toMatchObject({
        reason: 'DECISION_EXISTS',
      });
    }
    expect(made.size).toBe(3);
  });

  test('lapses as well where nothing was reserved, and never where it denies', async () => {
    const [deposit, denied] = [asked({ isDeposit: true }), asked({ amountMinor: 200_000_000n })];
    const before = [await verdictOn(deposit), await verdictOn(denied)];
    await lapse();
    expect((await verdictOn(deposit)).decisionId).not.toBe(before[0]!.decisionId);
    expect(await verdictOn(denied)).toEqual(before[1]);
    await announced(completed(deposit.facts.transactionId, 1_000n));
    expect(await open()).not.toContain(deposit.facts.transactionId);
  });

  test.each([
    ['completed', completed],
    ['failed', failed],
    ['waits', pending],
  ])('does not lapse where it %s', async (_, state) => {
    const request = asked(payer);
    const first = await verdictOn(request);
    ledger.know(state(request.facts.transactionId, 1_000n));
    await lapse();
    expect(await verdictOn(request)).toEqual(first);
  });

  test('does not lapse while the ledger is away', async () => {
    const request = asked(payer);
    const first = await verdictOn(request);
    ledger.leave();
    await lapse();
    expect(await verdictOn(request)).toEqual(first);
    ledger.comeBack();
    await network.settle();
    expect(await verdictOn(request)).not.toEqual(first);
  });
});

test('windows in which nothing is left are removed, and those in use are not', async () => {
  const rows = async () =>
    (await network.sql`select subject from finance_risk.velocity`).map(({ subject }) => subject);
  await announced(completed(await reserved(700n), 700n));
  const subject = `account/${payer.source}`;
  network.clock.advance({ days: 29 });
  await network.settle();
  expect(await rows()).toContain(subject);
  network.clock.advance({ days: 3 });
  await network.settle();
  expect(await rows()).toEqual([]);
});
