import { timestampMs } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { CaseState, Typology } from '#gen/finance/compliance/v1/compliance_pb.ts';
import { TransactionStatus } from '#gen/finance/transaction/v1/transaction_pb.ts';
import type { VerdictAction } from '#gen/finance/transaction/v1/verdict_pb.ts';
import { codes } from '#kit/errors.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Network } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';
import { limits } from './domain.ts';
import {
  ALLOW,
  type Compliance,
  complianceOf,
  DENY,
  DEPOSIT,
  factsOf,
  newAccount,
  openLedger,
  outside,
  PAYMENT,
  postedOf,
  REVIEW,
  type TestAccount,
  typologiesOf,
  type Wanted,
  WITHDRAWAL,
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

/** Checks transactions and posts them, one after the other; answers the verdict of the last. */
async function post(...wanted: Wanted[]) {
  let action: VerdictAction = ALLOW;
  for (const one of wanted) {
    const transactionId = one.transactionId ?? uuidv7();
    action = (await compliance.check({ ...one, transactionId })).action;
    await ledger.tell([postedOf({ ...one, transactionId })]);
    await network.settle();
  }
  return action;
}

/** As many as there are accounts, each of which pays one. */
const payEach = (from: TestAccount[], to: TestAccount, amount: bigint): Wanted[] =>
  from.map((account) => ({ from: account, to, amount }));

const accounts = (count: number) => Array.from({ length: count }, () => newAccount());

describe('a transaction', () => {
  test('of a customer who does nothing odd is allowed, and nothing of it is kept', async () => {
    const [ada, bob] = [newAccount(), newAccount()];
    const wanted = { from: ada, to: bob, amount: 25_000n };
    const verdict = await compliance.check(wanted);
    expect(verdict).toMatchObject({ action: ALLOW, findings: [], ruleSetVersion: 1n });
    expect(timestampMs(verdict.expireTime!) - timestampMs(verdict.decideTime!)).toBe(
      limits.verdictMsMax,
    );
    const kept = await network.sql`select from finance_compliance.decision`;
    expect(kept).toEqual([]);
  });

  test('is stopped when it is the third just below a threshold, with figures', async () => {
    const [ada, bob] = [newAccount(), newAccount()];
    const before = await post(
      { from: ada, to: bob, amount: 950_000n },
      { from: ada, to: bob, amount: 999_999n },
    );
    expect(before).toBe(ALLOW);
    const verdict = await compliance.check({ from: ada, to: bob, amount: 900_000n });
    expect(verdict.action).toBe(REVIEW);
    expect(verdict.findings.map(({ explanation }) => explanation)).toEqual([
      '3 outgoing amounts between 9,000.00 and 9,999.99 EUR within 48 h',
      '3 incoming amounts between 9,000.00 and 9,999.99 EUR within 48 h',
    ]);
    for (const { ownerId } of [ada, bob]) {
      expect(typologiesOf(await compliance.cases(ownerId))).toEqual(['STRUCTURING']);
    }
  });

  test('is stopped when it passes on what has just come in', async () => {
    const [ada, bob, eve] = [newAccount(), newAccount(), newAccount()];
    await post(
      { from: ada, to: bob, amount: 1_500_000n },
      { from: bob, to: eve, amount: 700_000n },
    );
    const verdict = await compliance.check({ from: bob, to: eve, amount: 750_000n });
    expect(verdict.findings).toMatchObject([
      {
        action: REVIEW,
        explanation: '15,000.00 EUR came in and 14,500.00 left in 2 movements within 60 min',
      },
    ]);
  });

  test('is stopped when it is of many that one is paid, and when one pays many', async () => {
    const [mule, spender] = [newAccount(), newAccount()];
    await post(...payEach(accounts(11), mule, 50_000n));
    const fanIn = await compliance.check({ from: newAccount(), to: mule, amount: 50_000n });
    expect(fanIn.findings).toMatchObject([
      { explanation: '12 accounts paid in 6,000.00 EUR within 24 h' },
    ]);
    await post(...accounts(11).map((to) => ({ from: spender, to, amount: 50_000n })));
    const fanOut = await compliance.check({ from: spender, to: newAccount(), amount: 50_000n });
    expect(fanOut.findings).toMatchObject([
      { explanation: '12 accounts were paid 6,000.00 EUR within 24 h' },
    ]);
  });

  test.each([3, 4, 5, 6])('is stopped when it closes a cycle of %i', async (length) => {
    const round = accounts(length);
    const steps = round.slice(1).map((to, i) => ({ from: round[i]!, to, amount: 300_000n }));
    expect(await post(...steps)).toBe(ALLOW);
    const closing = { from: round.at(-1)!, to: round[0]!, amount: 290_000n };
    const verdict = await compliance.check(closing);
    expect(verdict.findings).toMatchObject([
      {
        action: REVIEW,
        explanation: `about 2,900.00 EUR came back through ${length} transfers within 72 h`,
      },
    ]);
  });

  test.each([2, 7])(
    'is allowed when it closes a cycle of %i: a loan, or too far',
    async (length) => {
      const round = accounts(length);
      const steps = round.slice(1).map((to, i) => ({ from: round[i]!, to, amount: 300_000n }));
      await post(...steps);
      const closing = { from: round.at(-1)!, to: round[0]!, amount: 300_000n };
      expect((await compliance.check(closing)).action).toBe(ALLOW);
    },
  );

  test('is stopped when it wakes an account that was never used in half a year', async () => {
    const sleeper = newAccount({ ageDays: 200 });
    const verdict = await compliance.check({ from: sleeper, to: newAccount(), amount: 600_000n });
    expect(verdict.findings).toMatchObject([
      { explanation: '6,000.00 EUR after 200 days without a movement' },
    ]);
    await post({ from: sleeper, to: newAccount(), amount: 1_000n });
    const awake = await compliance.check({ from: sleeper, to: newAccount(), amount: 600_000n });
    expect(awake.action).toBe(ALLOW);
  });

  test('in yen is measured in yen', async () => {
    const [ada, bob] = [newAccount(), newAccount()];
    const yen = { from: ada, to: bob, currency: 'JPY' };
    await post({ ...yen, amount: 9_500n }, { ...yen, amount: 9_600n });
    const verdict = await compliance.check({ ...yen, amount: 9_700n });
    expect(verdict.findings[0]!.explanation).toBe(
      '3 outgoing amounts between 9,000 and 9,999 JPY within 48 h',
    );
  });
});

describe('what is normal', () => {
  test('are many who pay a shop, which pays it out at night', async () => {
    const shop = newAccount();
    const customers = accounts(15);
    const sales = payEach(customers, shop, 100_000n).map((one) => ({ ...one, type: PAYMENT }));
    await post(...sales);
    const sweep = { from: shop, to: outside, amount: 1_500_000n, type: WITHDRAWAL };
    expect((await compliance.check(sweep)).action).toBe(ALLOW);
    expect(await compliance.cases(shop.ownerId)).toEqual([]);
  });

  test('is what a service of the mesh settles by itself, after however long', async () => {
    const shop = newAccount({ ageDays: 400 });
    const settlement = { from: outside, to: shop, amount: 950_000n, initiatorId: '' };
    expect(await post(settlement, settlement, settlement, settlement)).toBe(ALLOW);
    expect(await compliance.cases(shop.ownerId)).toEqual([]);
  });

  test('is money that is moved between accounts of one owner, after however long', async () => {
    const mine = newAccount({ ageDays: 400 });
    const savings = newAccount({ ageDays: 400, ownerId: mine.ownerId });
    const move = { from: mine, to: savings, amount: 950_000n };
    expect(await post(move, move, move, move)).toBe(ALLOW);
    expect(await compliance.cases(mine.ownerId)).toEqual([]);
  });

  test('is what was moved back, and the moving back', async () => {
    const [ada, bob] = [newAccount(), newAccount()];
    const wanted = { from: ada, to: bob, amount: 950_000n };
    await compliance.check(wanted);
    const three = <Item>(make: () => Item) => [make(), make(), make()];
    const wrong = three(() => ({ ...postedOf(wanted), reversedByTransactionId: uuidv7() }));
    const back = three(() => ({
      ...postedOf({ ...wanted, from: bob, to: ada }),
      reversesTransactionId: uuidv7(),
    }));
    const failed = three(() => ({ ...postedOf(wanted), status: TransactionStatus.FAILED }));
    await ledger.tell([...wrong, ...back, ...failed]);
    await network.settle();
    expect(await compliance.cases(ada.ownerId)).toEqual([]);
    expect((await compliance.check(wanted)).action).toBe(ALLOW);
    expect((await compliance.check({ ...wanted, from: bob, to: ada })).action).toBe(ALLOW);
  });
});

test('cash at a desk is not stopped, and opens a case once it is posted', async () => {
  const ada = newAccount();
  const teller = uuidv7();
  const cash = { from: outside, to: ada, amount: 950_000n, type: DEPOSIT, initiatorId: teller };
  expect(await post(cash, cash, cash)).toBe(ALLOW);
  const { evidence, journal } = await compliance.caseOf(ada.ownerId, Typology.STRUCTURING);
  expect(evidence).toMatchObject([
    {
      explanation: '3 incoming amounts between 9,000.00 and 9,999.99 EUR within 48 h',
      amount: { amountMinor: 950_000n, currencyCode: 'EUR' },
    },
  ]);
  expect(journal).toHaveLength(1);
});

test('transactions that are checked side by side are found out once they are posted', async () => {
  const [ada, bob] = [newAccount(), newAccount()];
  const wanted = Array.from({ length: 3 }, () => {
    return { from: ada, to: bob, amount: 950_000n, transactionId: uuidv7() };
  });
  const verdicts = await Promise.all(wanted.map(compliance.check));
  expect(verdicts.map(({ action }) => action)).toEqual([ALLOW, ALLOW, ALLOW]);
  await ledger.tell(wanted.map(postedOf));
  await network.settle();
  const { evidence } = await compliance.caseOf(ada.ownerId, Typology.STRUCTURING);
  expect(evidence).toMatchObject([{ transactionId: wanted[2]!.transactionId }]);
});

test('an event that is told twice counts once, and so does a transaction', async () => {
  const [ada, bob] = [newAccount(), newAccount()];
  const wanted = { from: ada, to: bob, amount: 950_000n, transactionId: uuidv7() };
  await compliance.check(wanted);
  const eventId = uuidv7();
  for (let i = 0; i < 3; i += 1) await ledger.tell([postedOf(wanted)], eventId);
  await ledger.tell([postedOf(wanted)]);
  await network.settle();
  const [row] = await network.sql`
    select length(movements) as bytes from finance_compliance.account_window
    where account_id = ${ada.accountId}`;
  expect(row!.bytes).toBe(37);
  expect((await compliance.check({ ...wanted, transactionId: uuidv7() })).action).toBe(ALLOW);
});

describe('a verdict that stops a transaction', () => {
  async function suspect() {
    const sleeper = newAccount({ ageDays: 400 });
    return { from: sleeper, to: newAccount(), amount: 900_000n, transactionId: uuidv7() };
  }

  test('is given again to whoever asks again, and its case is opened once', async () => {
    const wanted = await suspect();
    const verdicts = await Promise.all(Array.from({ length: 8 }, () => compliance.check(wanted)));
    const [first] = verdicts;
    for (const verdict of verdicts) {
      expect({ ...verdict, expireTime: undefined }).toEqual({ ...first, expireTime: undefined });
    }
    const cases = await compliance.cases(wanted.from.ownerId);
    expect(cases).toMatchObject([{ evidenceCount: 1, state: CaseState.OPEN }]);
    network.clock.advance({ minutes: 5 });
    const late = await compliance.check(wanted);
    expect(late.decisionId).toBe(first!.decisionId);
    expect(timestampMs(late.expireTime!)).toBeGreaterThan(network.clock.now());
  });

  test('is not given for other content', async () => {
    const wanted = await suspect();
    await compliance.check(wanted);
    await expect(compliance.check({ ...wanted, amount: 1n })).rejects.toMatchObject({
      code: 'already_exists',
      reason: 'DECISION_EXISTS',
      metadata: { transaction_id: wanted.transactionId },
    });
  });

  test('adds evidence to the case that is open, and opens another once that is decided', async () => {
    const wanted = await suspect();
    const again = () => compliance.check({ ...wanted, transactionId: uuidv7() });
    await compliance.check(wanted);
    await again();
    const [open] = await compliance.cases(wanted.from.ownerId);
    expect(open!.evidenceCount).toBe(2);
    await compliance.resolve(open!.caseId, CaseState.DISMISSED);
    // What was found is not found again because it was posted after all.
    await ledger.tell([postedOf({ ...wanted, amount: 800_000n })]);
    await network.settle();
    expect(await compliance.cases(wanted.from.ownerId)).toHaveLength(1);
    network.clock.advance({ days: 200 });
    await again();
    expect(await compliance.cases(wanted.from.ownerId)).toMatchObject([
      { state: CaseState.OPEN, evidenceCount: 1 },
      { state: CaseState.DISMISSED, evidenceCount: 2 },
    ]);
  });

  test('is DENY for a customer whom a confirmed case blocks, until they are unblocked', async () => {
    const wanted = await suspect();
    await compliance.check(wanted);
    const [open] = await compliance.cases(wanted.from.ownerId);
    await compliance.resolve(open!.caseId, CaseState.CONFIRMED, { blocksCustomer: true });
    const small = { from: newAccount(), to: wanted.from, amount: 100n };
    for (const one of [small, { ...small, from: outside, type: DEPOSIT, initiatorId: '' }]) {
      const verdict = await compliance.check(one);
      expect(verdict).toMatchObject({ action: DENY, findings: [{ ruleId: 'blocked' }] });
    }
    const { people, headers } = compliance;
    const { caseId } = open!;
    const unblocking = { requestId: uuidv7(), caseId, note: 'was somebody else' };
    await people.unblockCustomer(unblocking, { headers });
    expect((await compliance.check(small)).action).toBe(ALLOW);
    await expect(
      people.unblockCustomer({ ...unblocking, requestId: uuidv7() }, { headers }),
    ).rejects.toMatchObject({ reason: 'CUSTOMER_NOT_BLOCKED' });
  });
});

test('a batch has an outcome for each, and one that is refused harms no other', async () => {
  const wanted = { from: newAccount({ ageDays: 400 }), to: newAccount(), amount: 900_000n };
  const first = factsOf({ ...wanted, transactionId: uuidv7() });
  await compliance.ledger.checkTransaction({ facts: first });
  const other = { ...first, contentHash: Buffer.alloc(32, 1) };
  const good = factsOf({ from: newAccount(), to: newAccount(), amount: 1n });
  const requests = [{ facts: good }, { facts: other }, { facts: first }];
  const { results } = await compliance.ledger.batchCheckTransactions({ requests });
  expect(results.map(({ outcome }) => outcome.case)).toEqual(['response', 'error', 'response']);
  expect(results[1]!.outcome.value).toMatchObject({ code: codes.already_exists });
});

test('a finding more than a case has room for is counted', async () => {
  const [ada, bob] = [newAccount({ ageDays: 400 }), newAccount()];
  const wanted = { from: ada, to: bob, amount: 900_000n };
  await compliance.check(wanted);
  const [open] = await compliance.cases(ada.ownerId);
  await network.sql`
    update finance_compliance.case_file set evidence_count = ${limits.evidencePerCaseMax}
    where case_id = ${open!.caseId}`;
  await compliance.check({ ...wanted, transactionId: uuidv7() });
  expect(await compliance.cases(ada.ownerId)).toMatchObject([
    { evidenceCount: limits.evidencePerCaseMax, omittedCount: 1 },
  ]);
});
