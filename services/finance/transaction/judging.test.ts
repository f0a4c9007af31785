import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  Awaiting,
  FailureReason,
  TransactionStatus,
} from '#gen/finance/transaction/v1/transaction_pb.ts';
import { TransactionType, VerdictAction } from '#gen/finance/transaction/v1/verdict_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Person } from '#kit/testing/network.ts';
import { brokenInvariants } from './invariants.ts';
import { type Bank, eur, startBank } from './testing.ts';

let bank: Bank;
let ann: Person;
let analyst: Person;
let a: string;
let b: string;

beforeAll(async () => {
  bank = await startBank();
  analyst = await bank.network.person({ roles: ['staff'] });
});
beforeEach(async () => {
  bank.risk.decide = () => 'ALLOW';
  bank.compliance.decide = () => 'ALLOW';
  ann = await bank.network.person();
  a = await bank.ledger.open(ann.id, 100_000_000n);
  b = await bank.ledger.open(uuidv7());
  bank.risk.asked.length = 0;
  bank.compliance.asked.length = 0;
});
afterEach(async () => {
  expect(await brokenInvariants(bank.network.sql)).toEqual([]);
});
afterAll(() => bank.stop());

const transfer = (amountMinor: bigint, requestId = uuidv7()) =>
  bank.ledger.transfer(a, b, amountMinor, { as: ann, requestId });
const review = (transactionId: string, approves: boolean, by = analyst, requestId = uuidv7()) =>
  bank.ledger.people.reviewTransaction({ requestId, transactionId, approves, note: 'seen' }, by);
const read = async (transactionId: string, by = analyst) =>
  (await bank.ledger.people.getTransaction({ transactionId }, by)).transaction!;

describe('before money moves', () => {
  test('risk and then compliance are asked, about exactly what is posted', async () => {
    const { transaction } = await transfer(5n);
    const facts = bank.risk.asked[0]!;
    expect(bank.compliance.asked).toEqual(bank.risk.asked);
    expect(facts).toMatchObject({
      transactionId: transaction!.transactionId,
      type: TransactionType.TRANSFER,
      initiatorId: ann.id,
      isAuthorization: false,
    });
    expect(facts.legs[0]).toMatchObject({
      source: { accountId: a, ownerId: ann.id },
      destination: { accountId: b },
      amount: { amountMinor: 5n },
    });
  });

  test('both are asked about each of a batch, in one call', async () => {
    const requests = Array.from({ length: 1_000 }, () => ({
      requestId: uuidv7(),
      type: TransactionType.TRANSFER,
      sourceAccountId: a,
      destinationAccountId: b,
      amount: eur(1n),
    }));
    bank.risk.decide = ({ transactionId }) =>
      transactionId === bank.risk.asked[7]?.transactionId ? 'DENY' : 'ALLOW';
    const { results } = await bank.ledger.payments.batchExecuteTransactions({ requests });
    const refused = results.filter(({ outcome }) => outcome.case === 'error');
    expect([results.length, refused.length]).toEqual([1_000, 1]);
    expect(bank.risk.asked).toHaveLength(1_000);
    expect(bank.compliance.asked).toHaveLength(999);
    expect((await bank.ledger.balance(b)).posted).toBe(999n);
  });

  test('nobody is asked about what cannot be', async () => {
    await expect(bank.ledger.transfer(a, uuidv7(), 5n, { as: ann })).rejects.toThrow();
    expect(bank.risk.asked).toEqual([]);
  });

  test('compliance is not asked about what risk denies; it is kept as FAILED, and why is for staff', async () => {
    bank.risk.decide = () => ({
      action: VerdictAction.DENY,
      findings: [{ ruleId: 'r1', action: VerdictAction.DENY, explanation: 'too much' }],
    });
    const refused = await transfer(5n).catch((error) => error);
    expect(refused).toMatchObject({ code: 'permission_denied', reason: 'TRANSACTION_DENIED' });
    expect(bank.compliance.asked).toEqual([]);
    const { transaction_id: id } = refused.metadata;
    const seen = await read(id);
    expect(seen.failureReason).toBe(FailureReason.DENIED);
    expect(seen.riskVerdict?.findings[0]).toMatchObject({ ruleId: 'r1', explanation: 'too much' });
    const shown = await read(id, ann);
    expect([shown.status, shown.riskVerdict]).toEqual([TransactionStatus.FAILED, undefined]);
  });
});

describe('without a clear answer nothing moves', () => {
  const unclear: [string, () => void, string][] = [
    ['risk fails', () => (bank.risk.decide = () => new Error('broken')), 'finance.risk'],
    [
      'compliance fails',
      () => (bank.compliance.decide = () => new Error('broken')),
      'finance.compliance',
    ],
    [
      'the verdict is upon another content',
      () =>
        (bank.risk.decide = () => ({
          action: VerdictAction.ALLOW,
          contentHash: new Uint8Array(32),
        })),
      'finance.risk',
    ],
    [
      'the verdict says not until when',
      () =>
        (bank.compliance.decide = () => ({ action: VerdictAction.ALLOW, expireTime: undefined })),
      'finance.compliance',
    ],
    [
      'that of risk has run out',
      () =>
        (bank.risk.decide = () => ({ action: VerdictAction.ALLOW, expireTime: { seconds: 1n } })),
      'finance.risk',
    ],
    [
      'that of compliance has run out',
      () =>
        (bank.compliance.decide = () => ({
          action: VerdictAction.ALLOW,
          expireTime: { seconds: 1n },
        })),
      'finance.compliance',
    ],
  ];
  test.each(unclear)(
    'when %s, and the same request is done when it is there',
    async (_, break_, service) => {
      break_();
      const requestId = uuidv7();
      await expect(transfer(5n, requestId)).rejects.toMatchObject({
        code: 'unavailable',
        reason: 'VERDICT_UNAVAILABLE',
        metadata: { service },
      });
      expect((await bank.ledger.balance(a)).posted).toBe(100_000_000n);
      bank.risk.decide = () => 'ALLOW';
      bank.compliance.decide = () => 'ALLOW';
      const { transaction } = await transfer(5n, requestId);
      expect(transaction?.status).toBe(TransactionStatus.COMPLETED);
    },
  );

  test('but a denial that was given long ago still counts', async () => {
    const expireTime = { seconds: 1n };
    bank.compliance.decide = () => ({ action: VerdictAction.DENY, expireTime });
    await expect(transfer(5n)).rejects.toMatchObject({ reason: 'TRANSACTION_DENIED' });
  });

  test('an action that nobody knows counts as DENY', async () => {
    bank.compliance.decide = () => ({ action: 9 as VerdictAction });
    await expect(transfer(5n)).rejects.toMatchObject({ reason: 'TRANSACTION_DENIED' });
  });

  test('one that cannot be judged does not keep the others of its batch', async () => {
    bank.risk.decide = ({ legs }) =>
      legs[0]!.amount!.amountMinor === 2n ? new Error('x') : 'ALLOW';
    const results = await Promise.allSettled([1n, 2n, 3n].map((amount) => transfer(amount)));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });
});

describe('the database', () => {
  test('refuses to complete a transaction whose verdict is of another content', async () => {
    const { transaction } = await transfer(5n);
    const { transactionId } = transaction!;
    const change = (column: string) =>
      bank.network.sql.unsafe(
        `update finance_transaction.transaction set ${column} where transaction_id = '${transactionId}'`,
      );
    for (const column of [
      'amount_minor = 6, captured_minor = 6',
      `destination_id = '${uuidv7()}'`,
      "currency = 'USD'",
      "further_legs = 'more'",
      "risk_action = 'DENY'",
      'compliance_hash = null',
      "compliance_action = 'REVIEW'",
      "verdict_expires_at = created_at - interval '1 second'",
    ]) {
      await expect(change(column)).rejects.toMatchObject({
        constraint_name: 'transaction_verdict',
      });
    }
    await change("reference = 'what was not decided upon may be another'");
  });

  test('refuses entries that do not balance, belong to nothing or are changed', async () => {
    const { sql } = bank.network;
    const { transaction } = await transfer(5n);
    const insert = (id: string, ...deltas: number[]) => sql`
      insert into finance_transaction.entry
      select ${a}, 100 + n, ${id}, delta, 0, now()
      from unnest(${deltas}::int[]) with ordinality as t (delta, n)`;
    const refused = { constraint_name: 'entry_balance' };
    await expect(insert(transaction!.transactionId, 5, -4)).rejects.toMatchObject(refused);
    await expect(insert(uuidv7(), 5, -5)).rejects.toMatchObject(refused);
    await expect(
      sql`update finance_transaction.entry set delta_minor = 1 where account_id = ${a}`,
    ).rejects.toThrow('not for this table');
    await expect(sql`delete from finance_transaction.transaction`).rejects.toThrow('not for');
  });
});

describe('what is to be reviewed', () => {
  beforeEach(() => {
    bank.compliance.decide = () => 'REVIEW';
  });

  test('waits with its money held, and is posted when an analyst approves', async () => {
    const { transaction } = await transfer(700n);
    const { transactionId, status, awaits } = transaction!;
    expect([status, awaits]).toEqual([TransactionStatus.PENDING, Awaiting.REVIEW]);
    expect(await bank.ledger.balance(a)).toMatchObject({ held: 700n, posted: 100_000_000n });
    const { transactions } = await bank.ledger.people.listReviews({}, analyst);
    expect(transactions.map((each) => each.transactionId)).toContain(transactionId);
    const { transaction: posted } = await review(transactionId, true);
    expect(posted).toMatchObject({ status: TransactionStatus.COMPLETED, capturedMinor: 700n });
    expect(posted!.reviews).toMatchObject([
      { reviewerId: analyst.id, approves: true, note: 'seen' },
    ]);
    expect(await bank.ledger.balance(b)).toMatchObject({ posted: 700n, incoming: 0n });
    await expect(review(transactionId, false)).rejects.toMatchObject({
      reason: 'TRANSACTION_NOT_IN_REVIEW',
    });
  });

  test('is FAILED and its money free when an analyst rejects it, or nobody looks in time', async () => {
    const one = (await transfer(700n)).transaction!.transactionId;
    const two = (await transfer(800n)).transaction!.transactionId;
    const { transaction } = await review(one, false);
    expect(transaction?.failureReason).toBe(FailureReason.REJECTED);
    bank.network.clock.advance({ days: 8 });
    await expect(review(two, true)).rejects.toMatchObject({ reason: 'TRANSACTION_NOT_IN_REVIEW' });
    await bank.network.settle();
    expect((await read(two)).failureReason).toBe(FailureReason.EXPIRED);
    expect(await bank.ledger.balance(a)).toMatchObject({ held: 0n, posted: 100_000_000n });
  });

  test('of a large amount needs two people', async () => {
    const second = await bank.network.person({ roles: ['staff'] });
    const { transactionId } = (await transfer(10_000_000n)).transaction!;
    const { transaction } = await review(transactionId, true);
    expect(transaction?.status).toBe(TransactionStatus.PROCESSING);
    await expect(review(transactionId, true)).rejects.toMatchObject({
      reason: 'REVIEWER_HAS_REVIEWED',
    });
    expect((await bank.ledger.balance(b)).posted).toBe(0n);
    await review(transactionId, true, second);
    expect((await bank.ledger.balance(b)).posted).toBe(10_000_000n);
  });

  test('is reviewed by nobody whom it concerns', async () => {
    const clerk = await bank.network.person({ roles: ['staff'] });
    const own = await bank.ledger.open(clerk.id);
    const asked = await bank.ledger.transfer(a, b, 5n, { as: clerk });
    const got = await bank.ledger.transfer(a, own, 5n, { as: ann });
    for (const { transaction } of [asked, got]) {
      await expect(review(transaction!.transactionId, true, clerk)).rejects.toMatchObject({
        reason: 'REVIEWER_IS_INITIATOR',
      });
    }
  });

  test('as an authorization is captured only after it was approved', async () => {
    const { payments } = bank.ledger;
    const { transactionId } = await bank.ledger.authorize(a, b, 50n);
    const capture = () =>
      payments.captureTransaction({ requestId: uuidv7(), transactionId, amountMinor: 20n });
    await expect(capture()).rejects.toMatchObject({ reason: 'TRANSACTION_IN_REVIEW' });
    const approved = await review(transactionId, true);
    expect(approved.transaction).toMatchObject({
      status: TransactionStatus.PENDING,
      awaits: Awaiting.CAPTURE,
    });
    await capture();
    expect(await bank.ledger.balance(a)).toMatchObject({ held: 0n, posted: 99_999_980n });
  });

  test('cannot be approved while the account is frozen, and goes on waiting', async () => {
    const { transactionId } = (await transfer(5n)).transaction!;
    await bank.ledger.setStatus(a, 'FROZEN');
    await expect(review(transactionId, true)).rejects.toMatchObject({ reason: 'ACCOUNT_FROZEN' });
    await bank.ledger.setStatus(a, 'ACTIVE');
    await review(transactionId, true);
    expect((await bank.ledger.balance(b)).posted).toBe(5n);
  });
});
