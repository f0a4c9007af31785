import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  FailureReason,
  LedgerAccountStatus,
  TransactionStatus,
  type WatchTransactionsResponse,
} from '#gen/finance/transaction/v1/transaction_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import { limits as kitLimits } from '#kit/limits.ts';
import type { Person } from '#kit/testing/network.ts';
import { systemAccountId } from './domain/system.ts';
import { brokenInvariants } from './invariants.ts';
import { type Bank, eur, startBank } from './testing.ts';

let bank: Bank;
let ann: Person;
let bob: Person;
let staff: Person;

beforeAll(async () => {
  bank = await startBank();
  staff = await bank.network.person({ roles: ['staff'] });
});
beforeEach(async () => {
  ann = await bank.network.person();
  bob = await bank.network.person();
});
afterEach(async () => {
  expect(await brokenInvariants(bank.network.sql)).toEqual([]);
});
afterAll(() => bank.stop());

/** The time of the bank now; what comes after is later. */
function tick(): number {
  const now = bank.network.clock.now();
  bank.network.clock.advance({ seconds: 10 });
  return now;
}
const time = timestampFromMs;

describe('the past of an account', () => {
  test('is known for every moment', async () => {
    const { ledger } = bank;
    const a = await ledger.open(ann.id);
    const b = await ledger.open(bob.id, 1_000n);
    const moments: { at: number; posted: bigint; sequence: bigint }[] = [
      { at: tick(), posted: 0n, sequence: 0n },
    ];
    for (let n = 1n; n <= 9n; n += 1n) {
      await ledger.transfer(b, a, n);
      moments.push({ at: tick(), posted: (n * (n + 1n)) / 2n, sequence: n });
    }
    for (const { at, posted, sequence } of moments) {
      const { balances } = await ledger.people.getBalances(
        { accountIds: [a], atTime: time(at + 5_000) },
        { headers: ann.headers },
      );
      expect(balances[0]).toMatchObject({ postedMinor: posted, sequence, currencyCode: 'EUR' });
    }
  });

  test('of a period is summed up in its statement, and listed page by page', async () => {
    const { ledger } = bank;
    const a = await ledger.open(ann.id, 500n);
    const b = await ledger.open(bob.id, 100n);
    tick();
    const start = bank.network.clock.now();
    for (let n = 1n; n <= 5n; n += 1n) await ledger.transfer(a, b, n);
    await ledger.transfer(b, a, 7n, { reference: 'the last' });
    tick();
    const end = bank.network.clock.now();
    await ledger.transfer(a, b, 100n);
    const period = { accountId: a, startTime: time(start), endTime: time(end) };
    const statement = await ledger.people.getStatement(period, ann);
    expect(statement).toMatchObject({
      openingMinor: 500n,
      closingMinor: 492n,
      creditsMinor: 7n,
      debitsMinor: 15n,
      firstSequence: 2n,
      lastSequence: 7n,
      currencyCode: 'EUR',
    });
    const listed: bigint[] = [];
    let pageToken = '';
    do {
      const page = await ledger.people.listEntries({ ...period, pageSize: 4, pageToken }, ann);
      listed.push(...page.entries.map(({ sequence }) => sequence));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(listed).toEqual([7n, 6n, 5n, 4n, 3n, 2n]);
  });

  test('in which nothing happened has a statement as well', async () => {
    const { ledger } = bank;
    const a = await ledger.open(ann.id, 500n);
    tick();
    const start = bank.network.clock.now();
    tick();
    const empty = { accountId: a, startTime: time(start), endTime: time(start + 1) };
    expect(await ledger.people.getStatement(empty, ann)).toMatchObject({
      openingMinor: 500n,
      closingMinor: 500n,
      creditsMinor: 0n,
      debitsMinor: 0n,
      firstSequence: 0n,
      lastSequence: 0n,
    });
  });
});

describe('the transactions of an account', () => {
  test('are listed each once, those that moved nothing among them', async () => {
    const { ledger } = bank;
    const a = await ledger.open(ann.id, 1_000n);
    const b = await ledger.open(bob.id);
    const fees = systemAccountId('FEES', 'EUR');
    const expected: string[] = [];
    for (let n = 0; n < 12; n += 1) {
      tick();
      if (n % 3 === 0) {
        const refused = await ledger.transfer(a, b, 5_000n).catch((error) => error);
        expected.unshift(refused.metadata.transaction_id);
      } else {
        // Two entries in one account.
        const fee = { sourceAccountId: a, destinationAccountId: fees, amount: eur(1n) };
        const { transaction } = await ledger.transfer(a, b, 5n, { furtherLegs: [fee] });
        expected.unshift(transaction!.transactionId);
      }
    }
    for (const pageSize of [1, 3, 5, 50]) {
      const listed: string[] = [];
      let pageToken = '';
      do {
        const page = await ledger.people.listTransactions(
          { accountId: a, pageSize, pageToken },
          ann,
        );
        expect(page.transactions.length).toBeLessThanOrEqual(pageSize);
        listed.push(...page.transactions.map(({ transactionId }) => transactionId));
        pageToken = page.nextPageToken;
      } while (pageToken !== '');
      expect(listed.slice(0, -1)).toEqual(expected);
    }
  });

  test('are each read by both sides and by staff, and by nobody else', async () => {
    const { ledger } = bank;
    const [a, b] = [await ledger.open(ann.id, 10n), await ledger.open(bob.id)];
    const { transaction } = await ledger.transfer(a, b, 5n, { reference: 'for lunch' });
    const { transactionId } = transaction!;
    for (const person of [ann, bob, staff]) {
      const read = await ledger.people.getTransaction({ transactionId }, person);
      expect(read.transaction?.reference).toBe('for lunch');
    }
    const stranger = await bank.network.person();
    await expect(ledger.people.getTransaction({ transactionId }, stranger)).rejects.toMatchObject({
      reason: 'TRANSACTION_NOT_FOUND',
    });
    const { transactions } = await bank.ledger.people.batchGetTransactions(
      { transactionIds: [uuidv7(), transactionId] },
      staff,
    );
    expect(transactions.map((each) => each.transactionId)).toEqual([transactionId]);
  });

  test('that is moved back and what moves it name each other', async () => {
    const { ledger } = bank;
    const [a, b] = [await ledger.open(ann.id, 10n), await ledger.open(bob.id)];
    const { transactionId } = (await ledger.transfer(a, b, 5n)).transaction!;
    const request = { requestId: uuidv7(), transactionId, reference: 'a mistake' };
    const { transaction: reversal } = await ledger.payments.reverseTransaction(request);
    expect(reversal).toMatchObject({
      status: TransactionStatus.COMPLETED,
      reversesTransactionId: transactionId,
      sourceAccountId: b,
      destinationAccountId: a,
    });
    const { transaction } = await ledger.people.getTransaction({ transactionId }, ann);
    expect(transaction?.reversedByTransactionId).toBe(reversal!.transactionId);
    await expect(
      ledger.payments.reverseTransaction({ ...request, requestId: uuidv7() }),
    ).rejects.toMatchObject({ reason: 'TRANSACTION_REVERSED' });
    const again = { requestId: uuidv7(), reference: 'no', transactionId: reversal!.transactionId };
    await expect(ledger.payments.reverseTransaction(again)).rejects.toMatchObject({
      reason: 'TRANSACTION_NOT_REVERSIBLE',
    });
  });
});

describe('a watcher', () => {
  function watch(accountId: string) {
    const abort = new AbortController();
    const stream = bank.ledger.people
      .watchTransactions(
        { accountIds: [accountId] },
        { headers: ann.headers, signal: abort.signal },
      )
      [Symbol.asyncIterator]();
    return {
      next: async () => (await stream.next()).value as WatchTransactionsResponse,
      end: () => abort.abort(),
    };
  }

  test('sees the account, then every transaction posted to it, in order and none left out', async () => {
    const { ledger } = bank;
    const [a, b] = [await ledger.open(ann.id, 1_000n), await ledger.open(bob.id)];
    const { next, end } = watch(a);
    const first = await next();
    expect(first).toMatchObject({ balance: { postedMinor: 1_000n } });
    expect(first.transaction).toBeUndefined();
    const done = await Promise.all(
      Array.from({ length: 40 }, (_, n) => ledger.transfer(a, b, BigInt(n + 1))),
    );
    const seen: string[] = [];
    while (seen.length < 40) {
      const { transaction } = await next();
      if (transaction !== undefined) seen.push(transaction.transactionId);
    }
    end();
    expect(new Set(seen)).toEqual(
      new Set(done.map(({ transaction }) => transaction!.transactionId)),
    );
    const { entries } = await ledger.people.listEntries({ accountId: a, pageSize: 40 }, ann);
    expect(seen).toEqual(entries.map(({ transactionId }) => transactionId).reverse());
  });

  test('hears of money that is held, and of no account but their own', async () => {
    const { ledger } = bank;
    const [a, b] = [await ledger.open(ann.id, 1_000n), await ledger.open(bob.id)];
    const { next, end } = watch(a);
    await next();
    await ledger.authorize(a, b, 30n);
    expect(await next()).toMatchObject({ balance: { heldMinor: 30n, postedMinor: 1_000n } });
    end();
    const foreign = ledger.people.watchTransactions({ accountIds: [b] }, { headers: ann.headers });
    await expect(foreign[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      reason: 'ACCOUNT_NOT_FOUND',
    });
  });

  // Sooner than a watch looks by itself.
  const timeout = kitLimits.watchRefreshMs - 1_000;

  test('hears at once that their account is frozen, and that it is free again', {
    timeout,
  }, async () => {
    const { ledger } = bank;
    const a = await ledger.open(ann.id, 1_000n);
    const { next, end } = watch(a);
    await next();
    for (const status of ['FROZEN', 'ACTIVE'] as const) {
      await ledger.setStatus(a, status);
      const seen = await next();
      expect(seen.balance).toMatchObject({ status: LedgerAccountStatus[status] });
      expect(seen.transaction).toBeUndefined();
    }
    end();
  });

  test('what a refused transfer left is found by its id', async () => {
    const { ledger } = bank;
    const [a, b] = [await ledger.open(ann.id, 1n), await ledger.open(bob.id)];
    await ledger.setStatus(a, 'FROZEN');
    const refused = await ledger.transfer(a, b, 1n).catch((error) => error);
    const { transaction_id: transactionId } = refused.metadata;
    const { transaction } = await ledger.people.getTransaction({ transactionId }, bob);
    expect(transaction?.failureReason).toBe(FailureReason.ACCOUNT_FROZEN);
  });
});
