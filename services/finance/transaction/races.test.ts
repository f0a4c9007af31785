import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { TransactionStatus } from '#gen/finance/transaction/v1/transaction_pb.ts';
import { TransactionType } from '#gen/finance/transaction/v1/verdict_pb.ts';
import { armDebugPoint } from '#kit/debug.ts';
import { uuidv7 } from '#kit/ids.ts';
import { tally, times } from '#kit/testing/crowd.ts';
import { killTransactions } from '#kit/testing/deaths.ts';
import { meetAt, meetInCrowd, meetInTurn } from '#kit/testing/meet.ts';
import type { Person } from '#kit/testing/network.ts';
import { systemAccountId } from './domain/system.ts';
import { brokenInvariants } from './invariants.ts';
import { type Bank, startBank } from './testing.ts';

let bank: Bank;
let second: Bank;
let analysts: Person[];
let disarm = () => {};

beforeAll(async () => {
  bank = await startBank();
  second = await startBank({ joins: bank });
  analysts = [];
  for (let i = 0; i < 3; i += 1) {
    analysts.push(await bank.network.person({ roles: ['staff'] }));
  }
});
afterEach(async () => {
  disarm();
  bank.risk.decide = () => 'ALLOW';
  expect(await brokenInvariants(bank.network.sql)).toEqual([]);
});
afterAll(async () => {
  await second.stop();
  await bank.stop();
});

/** The ledger by either of two processes. */
const at = (i: number) => [bank, second][i % 2]!.ledger;
const open = (balanceMinor = 0n) => bank.ledger.open(uuidv7(), balanceMinor);
const point = 'finance.transaction.before-commit';
const atCommit = () => ({ point, sql: bank.network.sql });

async function authorize(a: string, b: string, amountMinor: bigint) {
  return (await bank.ledger.authorize(a, b, amountMinor, { holdSeconds: 60 })).transactionId;
}
const capture = (i: number, transactionId: string) =>
  at(i).payments.captureTransaction({ requestId: uuidv7(), transactionId });
const voidIt = (i: number, transactionId: string) =>
  at(i).payments.voidTransaction({ requestId: uuidv7(), transactionId });

describe('two processes', () => {
  test('let one of 64 callers spend the last cent', async () => {
    const [a, b] = [await open(1n), await open()];
    const results = await meetInCrowd(atCommit(), 64, (i) => at(i).transfer(a, b, 1n));
    expect(tally(results)).toEqual({ done: 1, INSUFFICIENT_FUNDS: 63 });
    expect(await bank.ledger.balance(a)).toMatchObject({ posted: 0n });
    expect(await bank.ledger.balance(b)).toMatchObject({ posted: 1n });
  });

  test('let a hold or a transfer have the last cent, never both', async () => {
    const [a, b] = [await open(1n), await open()];
    const results = await meetInCrowd(atCommit(), 20, (i) =>
      i % 4 < 2 ? at(i).transfer(a, b, 1n) : authorize(a, b, 1n).then(() => undefined),
    );
    expect(tally(results)).toEqual({ done: 1, INSUFFICIENT_FUNDS: 19 });
  });

  test('move money round in circles, whichever way they meet, and lose none', async () => {
    const accounts = await Promise.all([open(100n), open(100n), open(100n)]);
    const results = await times(90, (i) =>
      at(i).transfer(accounts[i % 3]!, accounts[(i + 1 + (i % 2)) % 3]!, BigInt(1 + (i % 40))),
    );
    expect(Object.keys(tally(results)).sort()).toEqual(['done']);
    const balances = await Promise.all(accounts.map((each) => bank.ledger.balance(each)));
    expect(balances.reduce((sum, { posted }) => sum + posted, 0n)).toBe(300n);
  });

  test('post a request once, and answer it the same to everybody', async () => {
    const [a, b] = [await open(1_000n), await open()];
    for (let round = 0; round < 10; round += 1) {
      const requestId = uuidv7();
      const results = await times(8, (i) => at(i).transfer(a, b, 10n, { requestId }));
      const answers = results.map((result) => (result as { value?: unknown }).value);
      for (const answer of answers) expect(answer).toEqual(answers[0]);
    }
    expect(await bank.ledger.balance(b)).toMatchObject({ posted: 100n });
  });

  test('post one of two amounts under the same request id, and refuse the other', async () => {
    const [a, b] = [await open(1_000n), await open()];
    for (let round = 0; round < 10; round += 1) {
      const requestId = uuidv7();
      const results = await times(2, (i) => at(i).transfer(a, b, BigInt(10 + i), { requestId }));
      expect(tally(results)).toEqual({ done: 1, REQUEST_ID_REUSED: 1 });
    }
  });

  test('make the same account of the system at once', async () => {
    const deposit = (i: number, accountId: string) =>
      at(i).payments.executeTransaction({
        requestId: uuidv7(),
        type: TransactionType.DEPOSIT,
        destinationAccountId: accountId,
        amount: { currencyCode: 'SEK', amountMinor: 5n },
      });
    const accounts = await Promise.all(
      [0, 1].map(() => bank.ledger.open(uuidv7(), 0n, { currencyCode: 'SEK' })),
    );
    await meetInCrowd(atCommit(), 2, (i) => deposit(i, accounts[i]!));
    const outside = systemAccountId('OUTSIDE', 'SEK');
    expect((await bank.ledger.balance(outside)).posted).toBe(-10n);
  });
});

describe('a freeze', () => {
  test('that was acknowledged lets no debit pass, also one that was under way', async () => {
    const [a, b] = [await open(100n), await open()];
    const [frozen, debit] = await meetInTurn(
      atCommit(),
      () => at(0).setStatus(a, 'FROZEN'),
      () => at(1).transfer(a, b, 1n),
    );
    expect(frozen.status).toBe('fulfilled');
    expect(tally([debit])).toEqual({ ACCOUNT_FROZEN: 1 });
    await expect(at(1).transfer(a, b, 1n)).rejects.toMatchObject({ reason: 'ACCOUNT_FROZEN' });
    // What comes in is welcome.
    await at(1).transfer(await open(5n), a, 5n);
    expect(await bank.ledger.balance(a)).toMatchObject({ posted: 105n });
  });

  test('among many debits is not overtaken by any that came after it', async () => {
    const [a, b] = [await open(1_000n), await open()];
    let isFrozen = false;
    let overtaken = 0;
    await times(40, async (i) => {
      if (i === 13) {
        await at(i).setStatus(a, 'FROZEN');
        isFrozen = true;
        return;
      }
      for (let n = 0; n < 5; n += 1) {
        const wasFrozen = isFrozen;
        const isDone = await at(i)
          .transfer(a, b, 1n)
          .then(
            () => true,
            () => false,
          );
        if (wasFrozen && isDone) overtaken += 1;
      }
    });
    expect(overtaken).toBe(0);
  });

  test('keeps a capture out and lets a void in', async () => {
    const [a, b] = [await open(100n), await open()];
    const held = await authorize(a, b, 60n);
    await bank.ledger.setStatus(a, 'FROZEN');
    await expect(capture(0, held)).rejects.toMatchObject({ reason: 'ACCOUNT_FROZEN' });
    await voidIt(0, held);
    expect(await bank.ledger.balance(a)).toMatchObject({ posted: 100n, held: 0n });
  });
});

describe('closing', () => {
  test.each([
    ['close', 'credit', { done: 1 }, { ACCOUNT_CLOSED: 1 }],
    ['credit', 'close', { done: 1 }, { ACCOUNT_NOT_EMPTY: 1 }],
  ])('%s before %s: whichever comes first keeps the other out', async (first, _, one, two) => {
    const [a, rich] = [await open(), await open(10n)];
    const close = () => at(0).setStatus(a, 'CLOSED');
    const credit = () => at(1).transfer(rich, a, 10n);
    const closesFirst = first === 'close';
    const results = await meetInTurn(
      atCommit(),
      closesFirst ? close : credit,
      closesFirst ? credit : close,
    );
    expect(results.map((result) => tally([result]))).toEqual([one, two]);
  });

  test('is not possible while money is held or expected, and cannot be undone', async () => {
    const [a, b] = [await open(10n), await open()];
    const held = await authorize(a, b, 10n);
    for (const account of [a, b]) {
      await expect(bank.ledger.setStatus(account, 'CLOSED')).rejects.toMatchObject({
        reason: 'ACCOUNT_NOT_EMPTY',
      });
    }
    await voidIt(0, held);
    await bank.ledger.setStatus(b, 'CLOSED');
    await expect(bank.ledger.setStatus(b, 'ACTIVE')).rejects.toMatchObject({
      reason: 'ACCOUNT_CLOSED',
    });
  });
});

describe('money that is held', () => {
  test('is captured or voided, whichever comes first', async () => {
    const [a, b] = [await open(1_000n), await open()];
    let moved = 0n;
    for (let round = 0; round < 20; round += 1) {
      const held = await authorize(a, b, 10n);
      const results = await Promise.allSettled([capture(round, held), voidIt(round + 1, held)]);
      expect(tally(results)).toEqual({ done: 1, TRANSACTION_NOT_OPEN: 1 });
      if (results[0].status === 'fulfilled') moved += 10n;
    }
    expect(await bank.ledger.balance(b)).toMatchObject({ posted: moved, incoming: 0n });
    expect(await bank.ledger.balance(a)).toMatchObject({ posted: 1_000n - moved, held: 0n });
  });

  test('is captured, of which the expiry comes too late by a moment', async () => {
    const [a, b] = [await open(100n), await open()];
    const held = await authorize(a, b, 10n);
    const points = [point, 'finance.transaction.before-expiry'];
    const meeting = meetAt(points, bank.network.sql);
    const capturing = times(1, () => capture(1, held));
    await meeting.joined(1);
    bank.network.clock.advance({ seconds: 61 });
    // The other process looks for what has run out; this one does so behind the capture.
    await meeting.joined(2);
    meeting.letOneGo();
    expect(tally(await capturing)).toEqual({ done: 1 });
    meeting.letAllGo();
    await Promise.all([bank.network.settle(), second.network.settle()]);
    expect(await bank.ledger.balance(b)).toMatchObject({ posted: 10n, incoming: 0n });
  });

  test('runs out, of which the capture comes too late by a moment', async () => {
    const [a, b] = [await open(100n), await open()];
    const held = await authorize(a, b, 10n);
    const points = [point, 'finance.transaction.before-expiry'];
    const meeting = meetAt(points, bank.network.sql);
    bank.network.clock.advance({ seconds: 61 });
    await meeting.joined(2);
    // It comes behind the expiry of its own process.
    const capturing = times(1, () => capture(1, held));
    meeting.letAllGo();
    expect(tally(await capturing)).toEqual({ TRANSACTION_NOT_OPEN: 1 });
    await Promise.all([bank.network.settle(), second.network.settle()]);
    expect(await bank.ledger.balance(a)).toMatchObject({ posted: 100n, held: 0n });
  });
});

describe('reviews and reversals', () => {
  const review = (i: number, transactionId: string, approves = true, by = analysts[i]!) =>
    at(i).people.reviewTransaction(
      { requestId: uuidv7(), transactionId, approves, note: 'seen' },
      { headers: by.headers },
    );

  test('of two approvals at once one is given', async () => {
    bank.risk.decide = () => 'REVIEW';
    const [a, b] = [await bank.ledger.open(uuidv7()), await open()];
    bank.risk.decide = ({ type }) => (type === TransactionType.DEPOSIT ? 'ALLOW' : 'REVIEW');
    const rich = await open(100n);
    const { transaction } = await bank.ledger.transfer(rich, b, 100n);
    const results = await meetInCrowd(atCommit(), 2, (i) => review(i, transaction!.transactionId));
    expect(tally(results)).toEqual({ done: 1, TRANSACTION_NOT_IN_REVIEW: 1 });
    expect(await bank.ledger.balance(b)).toMatchObject({ posted: 100n });
    expect(await bank.ledger.balance(a)).toMatchObject({ posted: 0n });
  });

  test('of three approvals of a large amount at once two are given, by different people', async () => {
    bank.risk.decide = ({ type }) => (type === TransactionType.DEPOSIT ? 'ALLOW' : 'REVIEW');
    const [rich, b] = [await open(20_000_000n), await open()];
    const { transaction } = await bank.ledger.transfer(rich, b, 20_000_000n);
    const { transactionId } = transaction!;
    const results = await times(4, (i) => review(i, transactionId, true, analysts[i % 3]));
    const { done } = tally(results);
    expect(done).toBe(2);
    const { transaction: posted } = await bank.ledger.people.getTransaction(
      { transactionId },
      analysts[0],
    );
    expect(posted!.status).toBe(TransactionStatus.COMPLETED);
    expect(new Set(posted!.reviews.map(({ reviewerId }) => reviewerId)).size).toBe(2);
  });

  test('an approval and a rejection at once: one of them counts', async () => {
    bank.risk.decide = ({ type }) => (type === TransactionType.DEPOSIT ? 'ALLOW' : 'REVIEW');
    for (let round = 0; round < 10; round += 1) {
      const [rich, b] = [await open(7n), await open()];
      const { transaction } = await bank.ledger.transfer(rich, b, 7n);
      const results = await times(2, (i) => review(i, transaction!.transactionId, i === 0));
      expect(tally(results)).toEqual({ done: 1, TRANSACTION_NOT_IN_REVIEW: 1 });
    }
  });

  test('a transaction is moved back once', async () => {
    const [a, b] = [await open(50n), await open()];
    const { transaction } = await bank.ledger.transfer(a, b, 50n);
    const { transactionId } = transaction!;
    const results = await meetInCrowd(atCommit(), 6, (i) =>
      at(i).payments.reverseTransaction({ requestId: uuidv7(), transactionId, reference: 'oops' }),
    );
    expect(tally(results)).toEqual({ done: 1, TRANSACTION_REVERSED: 5 });
    expect(await bank.ledger.balance(a)).toMatchObject({ posted: 50n });
  });
});

describe('a process that dies', () => {
  test('before the commit has moved nothing, and the same request then moves it once', async () => {
    const [a, b] = [await open(10n), await open()];
    const requestId = uuidv7();
    disarm = armDebugPoint(point, () => {
      disarm();
      return killTransactions(bank.network.sql, 'finance.transaction');
    });
    await expect(at(0).transfer(a, b, 4n, { requestId })).rejects.toMatchObject({
      code: 'aborted',
    });
    expect(await bank.ledger.balance(a)).toMatchObject({ posted: 10n });
    const first = await at(1).transfer(a, b, 4n, { requestId });
    expect(await at(0).transfer(a, b, 4n, { requestId })).toEqual(first);
    expect(await bank.ledger.balance(a)).toMatchObject({ posted: 6n });
  });

  test('in the middle of an expiry leaves it to the next one', async () => {
    const [a, b] = [await open(10n), await open()];
    await authorize(a, b, 4n);
    let deaths = 0;
    disarm = armDebugPoint('finance.transaction.before-expiry', async () => {
      deaths += 1;
      disarm();
      await killTransactions(bank.network.sql, 'finance.transaction');
    });
    bank.network.clock.advance({ seconds: 61 });
    await expect.poll(() => deaths).toBe(1);
    await second.network.settle();
    expect(await bank.ledger.balance(a)).toMatchObject({ posted: 10n, held: 0n });
  });
});
