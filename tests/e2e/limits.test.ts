/** The ledger with those who judge it as they are: what risk reserves is what the ledger then moves, and nothing else. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Awaiting, TransactionStatus } from '#gen/finance/transaction/v1/transaction_pb.ts';
import { VerdictAction } from '#gen/finance/transaction/v1/verdict_pb.ts';
import { armDebugPoint } from '#kit/debug.ts';
import { uuidv7 } from '#kit/ids.ts';
import { killTransactions } from '#kit/testing/deaths.ts';
import type { Network, Person } from '#kit/testing/network.ts';
import { createProbe, riskOf } from '#services/finance/risk/testing.ts';
import { brokenInvariants } from '#services/finance/transaction/invariants.ts';
import { ledgerOf } from '#services/finance/transaction/testing.ts';
import { startNetwork } from '#services/testing.ts';

let network: Network;
let staff: Person;
let risk: ReturnType<typeof riskOf>;
let ledger: ReturnType<typeof ledgerOf>;
let windowsOf: Awaited<ReturnType<typeof createProbe>>;

beforeAll(async () => {
  network = await startNetwork(['finance.risk', 'finance.compliance', 'finance.transaction']);
  staff = await network.person({ roles: ['staff'] });
  risk = riskOf(network, staff);
  ledger = ledgerOf(network);
  windowsOf = await createProbe(risk);
});
afterAll(() => network.stop());

/** Somebody with so much on their account, and somebody to pay. */
async function customer(balanceMinor: bigint) {
  const [person, other] = [await network.person(), await network.person()];
  const source = await ledger.open(person.id, balanceMinor);
  const destination = await ledger.open(other.id);
  return { person, source, destination, owner: person.id };
}

type Customer = Awaited<ReturnType<typeof customer>>;

const pay = (payer: Customer, amountMinor: bigint, requestId = uuidv7()) =>
  ledger.transfer(payer.source, payer.destination, amountMinor, { as: payer.person, requestId });

/** What left the account within a day, by risk. */
async function counted(payer: Customer) {
  await network.settle();
  const windows = await windowsOf(payer, ['account.24h']);
  return windows['account.24h']!;
}

test('a large transfer waits until somebody has looked at it, and counts all the time', async () => {
  const payer = await customer(5_000_000n);
  const { transaction } = await pay(payer, 1_000_001n);
  expect(transaction).toMatchObject({
    status: TransactionStatus.PENDING,
    awaits: Awaiting.REVIEW,
  });
  expect(await counted(payer)).toEqual({ count: 1n, sum: 1_000_001n });
  const { transactionId } = transaction!;
  const review = { requestId: uuidv7(), transactionId, approves: false, note: 'no' };
  await ledger.people.reviewTransaction(review, staff);
  expect(await counted(payer)).toEqual({ count: 0n, sum: 0n });
  const { findings } = (await risk.decision(transactionId)).verdict!;
  expect(findings.map(({ action }) => action)).toEqual([VerdictAction.REVIEW]);
});

test('an absurd one is denied, and why is for staff', async () => {
  const payer = await customer(5_000_000n);
  await expect(pay(payer, 100_000_001n)).rejects.toMatchObject({
    code: 'permission_denied',
    reason: 'TRANSACTION_DENIED',
  });
  expect(await counted(payer)).toEqual({ count: 0n, sum: 0n });
});

test('what the ledger refuses or gives free is given back, and what it captures stays', async () => {
  const payer = await customer(10_000n);
  await expect(pay(payer, 10_001n)).rejects.toMatchObject({ reason: 'INSUFFICIENT_FUNDS' });
  expect(await counted(payer)).toEqual({ count: 0n, sum: 0n });
  const authorized = [];
  for (const amountMinor of [3_000n, 2_000n]) {
    const { transactionId } = await ledger.authorize(payer.source, payer.destination, amountMinor);
    authorized.push(transactionId);
  }
  expect(await counted(payer)).toEqual({ count: 2n, sum: 5_000n });
  const [captured, voided] = authorized as [string, string];
  const capture = { requestId: uuidv7(), transactionId: captured, amountMinor: 1_200n };
  await ledger.payments.captureTransaction(capture);
  await ledger.payments.voidTransaction({ requestId: uuidv7(), transactionId: voided });
  expect(await counted(payer)).toEqual({ count: 1n, sum: 1_200n });
});

test('a limit that is set at run time holds for the very next transfer, and for 32 at once', async () => {
  const payer = await customer(100_000n);
  await pay(payer, 10n);
  const condition = `source.account_id == "${payer.source}" && velocity.account.count_24h > 5`;
  const rule = await risk.createRule({ condition, action: VerdictAction.DENY });
  const requestId = uuidv7();
  const first = await pay(payer, 10n, requestId);
  const others = await Promise.allSettled(Array.from({ length: 32 }, () => pay(payer, 10n)));
  const done = others.filter(({ status }) => status === 'fulfilled');
  expect(done).toHaveLength(3);
  expect(await pay(payer, 10n, requestId)).toEqual(first);
  expect(await counted(payer)).toEqual({ count: 5n, sum: 50n });
  expect((await ledger.balance(payer.source)).posted).toBe(100_000n - 50n);
  await risk.updateRule(rule.ruleId, { condition, isEnabled: false });
  await pay(payer, 10n);
  await risk.deleteRule(rule.ruleId);
});

test('what the ledger died of is judged anew when it is asked for again, moved once and counted once', async () => {
  const payer = await customer(100_000n);
  const requestId = uuidv7();
  const disarm = armDebugPoint('finance.transaction.before-commit', async () => {
    disarm();
    await killTransactions(network.sql, 'finance.transaction');
  });
  await expect(pay(payer, 10n, requestId)).rejects.toMatchObject({ code: 'aborted' });
  network.clock.advance({ seconds: 31 });
  await expect(pay(payer, 10n, requestId)).rejects.toMatchObject({
    reason: 'VERDICT_UNAVAILABLE',
    metadata: { service: 'finance.risk' },
  });
  network.clock.advance({ minutes: 2 });
  await network.settle();
  const answer = await pay(payer, 10n, requestId);
  expect(answer.transaction?.status).toBe(TransactionStatus.COMPLETED);
  network.clock.advance({ minutes: 3 });
  expect((await ledger.balance(payer.source)).posted).toBe(99_990n);
  expect(await counted(payer)).toEqual({ count: 1n, sum: 10n });
  // Asked for again for ever, what was posted is what was decided.
  expect(await pay(payer, 10n, requestId)).toEqual(answer);
  expect(await counted(payer)).toEqual({ count: 1n, sum: 10n });
});

test('what was checked and never came to the ledger is given back, and what waits there is not', async () => {
  const payer = await customer(5_000_000n);
  await pay(payer, 1_000_001n);
  await risk.check({ source: payer.source, owner: payer.owner, amountMinor: 5n });
  expect(await counted(payer)).toEqual({ count: 2n, sum: 1_000_006n });
  network.clock.advance({ minutes: 11 });
  expect(await counted(payer)).toEqual({ count: 1n, sum: 1_000_001n });
  network.clock.advance({ days: 40 });
  expect(await counted(payer)).toEqual({ count: 0n, sum: 0n });
});

test('after all of it the books are right, and every decision can be made again', async () => {
  await network.settle();
  expect(await brokenInvariants(network.sql)).toEqual([]);
  const { examinedCount, differentCount } = await risk.staff.backtestRules({}, risk);
  expect(examinedCount).toBeGreaterThan(40);
  expect(differentCount).toBe(0);
  const left = await network.sql`select from finance_risk.reservation`;
  expect(left).toHaveLength(0);
});
