/** Batches that are worked out on what the process remembers, and what becomes of them when that was wrong. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { armDebugPoint } from '#kit/debug.ts';
import { uuidv7 } from '#kit/ids.ts';
import { brokenInvariants } from './invariants.ts';
import { type Bank, startBank } from './testing.ts';

let bank: Bank;
let second: Bank;
let disarm = () => {};

beforeAll(async () => {
  bank = await startBank();
  second = await startBank({ joins: bank });
});
afterEach(async () => {
  disarm();
  expect(await brokenInvariants(bank.network.sql)).toEqual([]);
});
afterAll(async () => {
  await second.stop();
  await bank.stop();
});

const open = (balanceMinor = 0n) => bank.ledger.open(uuidv7(), balanceMinor);

/** Resolves when so many transactions of the ledger have begun and wait for their process. */
async function waiting(count: number): Promise<void> {
  await expect
    .poll(async () => {
      const [row] = await bank.network.sql<{ count: number }[]>`
        select count(*)::integer as count from pg_stat_activity
        where datname = current_database() and application_name = 'finance_transaction'
          and state = 'idle in transaction'`;
      return row!.count;
    })
    .toBe(count);
}

/** Keeps the next batch from its commit until it is told what becomes of it. */
function holdNext(): PromiseWithResolvers<void> {
  const gate = Promise.withResolvers<void>();
  disarm = armDebugPoint('finance.transaction.before-commit', () => {
    disarm();
    return gate.promise;
  });
  return gate;
}

describe('a batch upon one that is being committed', () => {
  test('spends what that brings, and is answered behind it', async () => {
    const [a, b] = [await open(10n), await open()];
    const gate = holdNext();
    const order: string[] = [];
    const first = bank.ledger.transfer(a, b, 10n).then(() => order.push('first'));
    await waiting(1);
    const then = bank.ledger.transfer(b, a, 10n).then(() => order.push('second'));
    await waiting(2);
    gate.resolve();
    await Promise.all([first, then]);
    expect(order).toEqual(['first', 'second']);
    expect(await bank.ledger.balance(a)).toMatchObject({ posted: 10n });
  });

  test('is done again when that comes to nothing', async () => {
    const [a, b] = [await open(10n), await open()];
    const gate = holdNext();
    const first = bank.ledger.transfer(a, b, 10n);
    await waiting(1);
    const then = bank.ledger.transfer(b, a, 10n);
    await waiting(2);
    gate.reject(new Error('planted'));
    await expect(first).rejects.toMatchObject({ code: 'internal' });
    await expect(then).rejects.toMatchObject({ reason: 'INSUFFICIENT_FUNDS' });
    expect(await bank.ledger.balance(a)).toMatchObject({ posted: 10n });
  });
});

describe('what another process did meanwhile', () => {
  test('is not overwritten', async () => {
    const [a, b] = [await open(10n), await open()];
    await bank.ledger.transfer(a, b, 1n);
    await second.ledger.transfer(a, b, 2n);
    await bank.ledger.transfer(a, b, 3n);
    expect(await bank.ledger.balance(a)).toMatchObject({ posted: 4n });
    expect(await bank.ledger.balance(b)).toMatchObject({ posted: 6n });
  });

  test('lets no debit pass that it forbids', async () => {
    const [a, b] = [await open(10n), await open()];
    await bank.ledger.transfer(a, b, 1n);
    await second.ledger.setStatus(a, 'FROZEN');
    await expect(bank.ledger.transfer(a, b, 1n)).rejects.toMatchObject({
      reason: 'ACCOUNT_FROZEN',
    });
  });

  test('is what a refusal goes by', async () => {
    const [a, b] = [await open(5n), await open(5n)];
    await bank.ledger.transfer(a, b, 5n);
    await second.ledger.transfer(b, a, 5n);
    await bank.ledger.transfer(a, b, 5n);
    expect(await bank.ledger.balance(b)).toMatchObject({ posted: 10n });
  });
});
