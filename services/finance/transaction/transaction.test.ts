import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  Awaiting,
  FailureReason,
  TransactionStatus,
} from '#gen/finance/transaction/v1/transaction_pb.ts';
import { AccountType, TransactionType } from '#gen/finance/transaction/v1/verdict_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Person } from '#kit/testing/network.ts';
import { systemAccountId } from './domain/system.ts';
import { brokenInvariants } from './invariants.ts';
import { type Bank, eur, startBank } from './testing.ts';

let bank: Bank;
let ann: Person;
let bob: Person;

beforeAll(async () => {
  bank = await startBank();
});
beforeEach(async () => {
  ann = await bank.network.person();
  bob = await bank.network.person();
  bank.risk.decide = () => 'ALLOW';
  bank.compliance.decide = () => 'ALLOW';
});
afterEach(async () => {
  expect(await brokenInvariants(bank.network.sql)).toEqual([]);
});
afterAll(() => bank.stop());

const openTwo = async (annMinor: bigint, bobMinor = 0n) =>
  [await bank.ledger.open(ann.id, annMinor), await bank.ledger.open(bob.id, bobMinor)] as [
    string,
    string,
  ];

describe('a transfer', () => {
  test('moves the amount, and leaves an entry with its balance in each account', async () => {
    const { ledger } = bank;
    const [a, b] = await openTwo(10_000n);
    const { transaction } = await ledger.transfer(a, b, 2_500n, { as: ann, reference: 'rent' });
    expect(transaction).toMatchObject({
      status: TransactionStatus.COMPLETED,
      type: TransactionType.TRANSFER,
      capturedMinor: 2_500n,
      reference: 'rent',
    });
    expect(await ledger.balance(a)).toEqual({
      posted: 7_500n,
      held: 0n,
      incoming: 0n,
      available: 7_500n,
    });
    expect((await ledger.balance(b)).posted).toBe(2_500n);
    const { entries } = await ledger.people.listEntries({ accountId: a }, { headers: ann.headers });
    expect(
      entries.map(({ sequence, deltaMinor, balanceMinor, reference }) => [
        sequence,
        deltaMinor,
        balanceMinor,
        reference,
      ]),
    ).toEqual([
      [2n, -2_500n, 7_500n, 'rent'],
      [1n, 10_000n, 10_000n, ''],
    ]);
  });

  test('of more than is there is refused, kept as FAILED, and answered the same again', async () => {
    const { ledger } = bank;
    const [a, b] = await openTwo(100n);
    const requestId = uuidv7();
    const refused = await ledger.transfer(a, b, 101n, { as: ann, requestId }).catch((e) => e);
    expect(refused).toMatchObject({
      code: 'failed_precondition',
      reason: 'INSUFFICIENT_FUNDS',
      metadata: { account_id: a, required_minor: '101', available_minor: '100' },
    });
    const { transaction_id: transactionId } = refused.metadata;
    const { transaction } = await ledger.people.getTransaction({ transactionId }, ann);
    expect(transaction).toMatchObject({
      status: TransactionStatus.FAILED,
      failureReason: FailureReason.INSUFFICIENT_FUNDS,
    });
    await ledger.transfer(b, a, 1n).catch(() => {});
    await ledger.open(ann.id, 1n);
    const again = await ledger.transfer(a, b, 101n, { as: ann, requestId }).catch((e) => e);
    expect(again).toMatchObject({ reason: 'INSUFFICIENT_FUNDS', metadata: refused.metadata });
  });

  test('is done once however often it is asked for, and another under its id is refused', async () => {
    const { ledger } = bank;
    const [a, b] = await openTwo(100n);
    const requestId = uuidv7();
    const first = await ledger.transfer(a, b, 30n, { as: ann, requestId });
    expect(await ledger.transfer(a, b, 30n, { as: ann, requestId })).toEqual(first);
    await expect(ledger.transfer(a, b, 31n, { as: ann, requestId })).rejects.toMatchObject({
      code: 'already_exists',
      reason: 'REQUEST_ID_REUSED',
    });
    expect((await ledger.balance(a)).posted).toBe(70n);
    // The same id of somebody else is another request.
    await ledger.transfer(b, a, 30n, { as: bob, requestId });
    expect((await ledger.balance(a)).posted).toBe(100n);
  });

  test('with a fee moves both or neither', async () => {
    const { ledger } = bank;
    const [a, b] = await openTwo(1_000n);
    const fees = systemAccountId('FEES', 'EUR');
    const fee = (amountMinor: bigint) => ({
      furtherLegs: [{ sourceAccountId: a, destinationAccountId: fees, amount: eur(amountMinor) }],
    });
    const before = (await ledger.balance(fees)).posted;
    await expect(ledger.transfer(a, b, 990n, fee(11n))).rejects.toMatchObject({
      reason: 'INSUFFICIENT_FUNDS',
      metadata: { required_minor: '11', available_minor: '10' },
    });
    expect((await ledger.balance(a)).posted).toBe(1_000n);
    await ledger.transfer(a, b, 900n, fee(9n));
    expect((await ledger.balance(a)).posted).toBe(91n);
    expect((await ledger.balance(fees)).posted - before).toBe(9n);
  });

  test('may exchange money through an account of each currency', async () => {
    const { ledger } = bank;
    const a = await ledger.open(ann.id, 10_000n);
    const b = await ledger.open(bob.id, 0n, { currencyCode: 'JPY' });
    const [euros, yen] = [systemAccountId('EXCHANGE', 'EUR'), systemAccountId('EXCHANGE', 'JPY')];
    const amount = { currencyCode: 'JPY', amountMinor: 1_600n };
    await ledger.transfer(a, euros, 1_000n, {
      furtherLegs: [{ sourceAccountId: yen, destinationAccountId: b, amount }],
    });
    expect((await ledger.balance(b)).posted).toBe(1_600n);
    expect((await ledger.balance(a)).posted).toBe(9_000n);
  });

  test('from a credit account goes down to its limit and no further', async () => {
    const { ledger } = bank;
    const credit = { accountType: AccountType.CREDIT, creditLimitMinor: 500n };
    const a = await ledger.open(ann.id, 0n, credit);
    const b = await ledger.open(bob.id);
    await ledger.transfer(a, b, 500n, { as: ann });
    expect(await ledger.balance(a)).toMatchObject({ posted: -500n, available: 0n });
    await expect(ledger.transfer(a, b, 1n, { as: ann })).rejects.toMatchObject({
      reason: 'INSUFFICIENT_FUNDS',
    });
  });
});

describe('deposits and withdrawals', () => {
  test('are the balance of the outside world', async () => {
    const { ledger } = bank;
    const outside = systemAccountId('OUTSIDE', 'CHF');
    const a = await ledger.open(ann.id, 700n, { currencyCode: 'CHF' });
    expect((await ledger.balance(outside)).posted).toBe(-700n);
    await ledger.people.executeTransaction(
      {
        requestId: uuidv7(),
        type: TransactionType.WITHDRAWAL,
        sourceAccountId: a,
        amount: { currencyCode: 'CHF', amountMinor: 200n },
      },
      { headers: ann.headers },
    );
    expect((await ledger.balance(outside)).posted).toBe(-500n);
    expect((await ledger.balance(a)).posted).toBe(500n);
  });
});

describe('what cannot be', () => {
  const transfer = { type: TransactionType.TRANSFER };
  test.each([
    ['of nothing', { amount: eur(0n) }, 'FIELD_INVALID'],
    ['of less than nothing', { amount: eur(-1n) }, 'FIELD_INVALID'],
    [
      'in a currency that is none',
      { amount: { currencyCode: 'XYZ', amountMinor: 1n } },
      'UNKNOWN_CURRENCY',
    ],
    [
      'in another currency',
      { amount: { currencyCode: 'USD', amountMinor: 1n } },
      'CURRENCY_MISMATCH',
    ],
    ['to an account that is none', { destinationAccountId: uuidv7() }, 'ACCOUNT_NOT_FOUND'],
    ['from an account that is none', { sourceAccountId: uuidv7() }, 'ACCOUNT_NOT_FOUND'],
    ['without a destination', { destinationAccountId: '' }, 'PARTIES_INVALID'],
    ['without a source', { sourceAccountId: '' }, 'PARTIES_INVALID'],
    [
      'of a type that only staff have',
      { type: TransactionType.DEPOSIT, sourceAccountId: '' },
      'TYPE_NOT_ALLOWED',
    ],
    [
      'to the system',
      { destinationAccountId: systemAccountId('FEES', 'EUR') },
      'ACCOUNT_NOT_FOUND',
    ],
  ])('a transfer %s is refused with its reason', async (_, wrong, reason) => {
    const [a, b] = await openTwo(100n);
    const more = { ...transfer, ...wrong, as: ann };
    await expect(bank.ledger.transfer(a, b, 1n, more)).rejects.toMatchObject({ reason });
    expect((await bank.ledger.balance(a)).posted).toBe(100n);
  });

  test('an account to itself', async () => {
    const [a] = await openTwo(100n);
    await expect(bank.ledger.transfer(a, a, 1n, { as: ann })).rejects.toMatchObject({
      reason: 'SAME_ACCOUNT',
    });
  });

  test('somebody else’s account, which is as if there were none', async () => {
    const [a, b] = await openTwo(100n, 100n);
    await expect(bank.ledger.transfer(b, a, 1n, { as: ann })).rejects.toMatchObject({
      reason: 'ACCOUNT_NOT_FOUND',
      metadata: { account_id: b },
    });
    const { people } = bank.ledger;
    const asAnn = { headers: ann.headers };
    await expect(people.getBalances({ accountIds: [b] }, asAnn)).rejects.toMatchObject({
      reason: 'ACCOUNT_NOT_FOUND',
    });
  });

  test('a balance beyond 64 bits', async () => {
    const { ledger } = bank;
    const currencyCode = 'KRW';
    const most = 2n ** 63n - 1n;
    const a = await ledger.open(ann.id, most, { currencyCode });
    await expect(ledger.open(bob.id, 1n, { currencyCode })).rejects.toMatchObject({
      code: 'out_of_range',
      reason: 'BALANCE_OUT_OF_RANGE',
    });
    const b = await ledger.open(bob.id, 0n, { currencyCode });
    await ledger.transfer(a, b, most, { amount: { currencyCode, amountMinor: most } });
    expect((await ledger.balance(b)).posted).toBe(most);
  });
});

test('only a service asks on behalf of somebody, and is then judged as they are', async () => {
  const { ledger } = bank;
  const a = await ledger.open(ann.id, 10n);
  const b = await ledger.open(bob.id);
  await ledger.transfer(a, b, 1n, { onBehalfOfUserId: ann.id });
  expect(bank.risk.asked.at(-1)).toMatchObject({ initiatorId: ann.id });
  const refused = ledger.transfer(a, b, 1n, { onBehalfOfUserId: bob.id, as: ann });
  await expect(refused).rejects.toMatchObject({
    code: 'invalid_argument',
    reason: 'FIELD_INVALID',
  });
});

describe('an authorization', () => {
  const authorize = (a: string, b: string, amountMinor: bigint, holdSeconds = 0) =>
    bank.ledger.authorize(a, b, amountMinor, { holdSeconds });
  const capture = (transactionId: string, amountMinor = 0n, requestId = uuidv7()) =>
    bank.ledger.payments.captureTransaction({ requestId, transactionId, amountMinor });
  const voidIt = (transactionId: string) =>
    bank.ledger.payments.voidTransaction({ requestId: uuidv7(), transactionId });

  test('holds the money, and a capture of a part gives the rest free', async () => {
    const { ledger } = bank;
    const [a, b] = await openTwo(1_000n);
    const { transactionId, status, awaits } = await authorize(a, b, 800n);
    expect([status, awaits]).toEqual([TransactionStatus.PENDING, Awaiting.CAPTURE]);
    expect(await ledger.balance(a)).toEqual({
      posted: 1_000n,
      held: 800n,
      incoming: 0n,
      available: 200n,
    });
    expect((await ledger.balance(b)).incoming).toBe(800n);
    await expect(ledger.transfer(a, b, 201n)).rejects.toMatchObject({
      reason: 'INSUFFICIENT_FUNDS',
    });
    await expect(capture(transactionId, 801n)).rejects.toMatchObject({
      reason: 'CAPTURE_TOO_LARGE',
    });
    const captured = await capture(transactionId, 300n);
    expect(captured.transaction).toMatchObject({
      status: TransactionStatus.COMPLETED,
      capturedMinor: 300n,
    });
    expect(await ledger.balance(a)).toMatchObject({ posted: 700n, held: 0n });
    expect(await ledger.balance(b)).toMatchObject({ posted: 300n, incoming: 0n });
    await expect(capture(transactionId)).rejects.toMatchObject({ reason: 'TRANSACTION_NOT_OPEN' });
    await expect(voidIt(transactionId)).rejects.toMatchObject({ reason: 'TRANSACTION_NOT_OPEN' });
  });

  test('that is voided or runs out gives the money free, once', async () => {
    const { ledger } = bank;
    const [a, b] = await openTwo(1_000n);
    const one = await authorize(a, b, 400n);
    const two = await authorize(a, b, 600n, 60);
    const voided = await voidIt(one.transactionId);
    expect(voided.transaction).toMatchObject({ failureReason: FailureReason.VOIDED });
    expect((await voidIt(one.transactionId)).transaction).toEqual(voided.transaction);
    expect(await ledger.balance(a)).toMatchObject({ held: 600n });
    bank.network.clock.advance({ seconds: 61 });
    await expect(capture(two.transactionId)).rejects.toMatchObject({
      reason: 'TRANSACTION_NOT_OPEN',
    });
    await bank.network.settle();
    expect(await ledger.balance(a)).toMatchObject({ posted: 1_000n, held: 0n });
    const { transactionId } = two;
    const { transaction } = await ledger.people.getTransaction({ transactionId }, ann);
    expect(transaction).toMatchObject({
      status: TransactionStatus.CANCELLED,
      failureReason: FailureReason.EXPIRED,
    });
  });

  test('is captured by whom it pays, and not by whom it charges', async () => {
    const [a, b] = await openTwo(1_000n);
    const { transactionId } = await authorize(a, b, 400n);
    const { people } = bank.ledger;
    const ask = { requestId: uuidv7(), transactionId };
    await expect(people.captureTransaction(ask, ann)).rejects.toMatchObject({
      reason: 'TRANSACTION_NOT_FOUND',
    });
    await people.captureTransaction(ask, bob);
    expect((await bank.ledger.balance(b)).posted).toBe(400n);
  });
});
