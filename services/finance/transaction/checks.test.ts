import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { CheckInvariantsResponse } from '#gen/finance/transaction/v1/transaction_pb.ts';
import { scrape } from '#kit/telemetry/metrics.ts';
import { createCheckJob } from './checking.ts';
import { brokenInvariants } from './invariants.ts';
import { type Checks, createChecks } from './store/checks.ts';
import { type Bank, startBank } from './testing.ts';

let bank: Bank;
let checks: Checks;

beforeAll(async () => {
  bank = await startBank();
  checks = createChecks(bank.network.service('finance.transaction').database);
});
afterEach(async () => {
  expect(await brokenInvariants(bank.network.sql)).toEqual([]);
});
afterAll(() => bank.stop());

/** Two accounts with so many transfers between them. */
async function trade(transfers: number): Promise<[string, string]> {
  const { ledger, network } = bank;
  const a = await ledger.open((await network.person()).id, 1_000n);
  const b = await ledger.open((await network.person()).id);
  for (let i = 0; i < transfers; i += 1) await ledger.transfer(a, b, 1n);
  return [a, b];
}

/** Changes the books behind the back of their triggers while `work` is done, by so much. */
async function withFault(change: (byMinor: number) => string, work: () => Promise<void>) {
  const alter = (statement: string) =>
    bank.network.sql.begin(async (tx) => {
      await tx`set local session_replication_role = replica`;
      await tx`set local search_path = finance_transaction`;
      await tx.unsafe(statement);
    });
  await alter(change(1));
  try {
    await work();
  } finally {
    await alter(change(-1));
  }
}

/** All pages, as somebody reads them who has not read too many. */
async function checkAll(pageSize: number): Promise<CheckInvariantsResponse[]> {
  const staff = await bank.network.person({ roles: ['staff'] });
  const pages: CheckInvariantsResponse[] = [];
  let pageToken = '';
  do {
    const page = await bank.ledger.people.checkInvariants({ pageSize, pageToken }, staff);
    pages.push(page);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return pages;
}

const violationsIn = (pages: readonly CheckInvariantsResponse[]) =>
  pages.flatMap(({ violations }) => violations);

async function gauge(): Promise<number> {
  await createCheckJob(checks).run();
  const [, value] = /^ledger_invariant_violations (\d+)$/m.exec(await scrape()) ?? [];
  return Number(value);
}

test.each([2, 5, 20_000])('every entry is checked once in pages of %i', async (size) => {
  await trade(5);
  const pages = await checkAll(size);
  const [row] = await bank.network.sql`
    select count(*)::integer as entries from finance_transaction.entry`;
  expect(violationsIn(pages)).toEqual([]);
  expect(pages.reduce((sum, { entryCount }) => sum + entryCount, 0)).toBe(row!.entries);
  expect(pages[0]!.sums).toMatchObject([{ currencyCode: 'EUR', postedMinor: 0n }]);
});

test.each([2, 5, 20_000])('a cent in an old entry is found in pages of %i', async (size) => {
  const [accountId] = await trade(6);
  const change = (byMinor: number) => `
    update entry set delta_minor = delta_minor - ${byMinor}
    where account_id = '${accountId}' and sequence = 3`;
  await withFault(change, async () => {
    expect(violationsIn(await checkAll(size))).toMatchObject([{ accountId, sequence: 3n }]);
  });
});

test('an entry that is gone, at the end as well, is found', async () => {
  const [accountId] = await trade(3);
  const change = (byMinor: number) => `
    update account set sequence = sequence + ${byMinor} where account_id = '${accountId}'`;
  await withFault(change, async () => {
    expect(violationsIn(await checkAll(2))).toMatchObject([{ accountId, sequence: 0n }]);
  });
});

test('money out of nowhere, and held for nothing, is found in each page', async () => {
  const [accountId] = await trade(1);
  const change = (byMinor: number) => `
    update account set posted_minor = posted_minor + ${byMinor}, held_minor = held_minor + ${byMinor}
    where account_id = '${accountId}'`;
  await withFault(change, async () => {
    const [first] = await checkAll(3);
    expect(first!.sums[0]!.postedMinor).toBe(1n);
    expect(first!.violations).toMatchObject([{ accountId: '' }, { accountId }]);
  });
});

test('what was posted since the last look is checked, and a fault is told until it is repaired', async () => {
  const [accountId] = await trade(3);
  expect(await gauge()).toBe(0);
  await trade(2);
  const [other] = await trade(3);
  const change = (byMinor: number) => `
    update entry set balance_minor = balance_minor + ${byMinor}
    where account_id = '${other}' and sequence = 2`;
  await withFault(change, async () => {
    // The entry itself, and the one that follows from it.
    expect(await gauge()).toBe(2);
    expect(await gauge()).toBe(2);
    expect(await checks.fresh()).toMatchObject([{ accountId: other }, { accountId: other }]);
  });
  expect(await gauge()).toBe(0);
  const marks = await bank.network.sql`
    select account_id from finance_transaction.checked_entry
    where account_id = any(${[accountId, other]}::uuid[])`;
  expect(marks).toHaveLength(2);
});

test('what was found in order is read no more', async () => {
  const [accountId] = await trade(3);
  expect(await checks.fresh()).toEqual([]);
  const change = (byMinor: number) => `
    update entry set delta_minor = delta_minor - ${byMinor}
    where account_id = '${accountId}' and sequence = 2`;
  await withFault(change, async () => {
    expect(await checks.fresh()).toEqual([]);
    expect(violationsIn(await checkAll(20_000))).toHaveLength(1);
  });
});
