/** The keys of customers: that they change under traffic, and that they are gone when a customer is erased. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AccountStatus } from '#gen/finance/account/v1/account_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Person } from '#kit/testing/network.ts';
import { type Bank, startAccounts } from './testing.ts';

const [oldVault, newVault] = [
  'the master key until yesterday evening',
  'the master key from this morning on',
];
const [oldIndex, newIndex] = [
  'the index secret until yesterday evening',
  'the index secret from this morning on',
];

const secrets = (vault: string[], index: string[]) => ({
  ACCOUNT_VAULT_SECRET: vault.join(','),
  ACCOUNT_INDEX_SECRET: index.join(','),
});

let bank: Bank;
let ada: Person;

beforeAll(async () => {
  bank = await startAccounts({ settings: secrets([oldVault], [oldIndex]) });
});
beforeEach(async () => {
  ada = await bank.network.person();
});
afterAll(() => bank.stop());

/** An account with all that it is found by. */
async function openKnown(by: Bank, owner: Person) {
  const taxId = uuidv7();
  const { accountId } = await by.open(owner, { taxId });
  const { accountNumber } = await by.reveal(accountId, owner);
  return { owner, accountId, accountNumber, taxId };
}

type Known = Awaited<ReturnType<typeof openKnown>>;

/** Finds an account by everything that it is found by, and reads all that is sealed. */
async function expectWhole(by: Bank, { owner, accountId, accountNumber, taxId }: Known) {
  expect(await by.accounts.lookupAccount({ accountNumber }, owner)).toMatchObject({ accountId });
  const { accounts } = await by.accounts.findAccounts({ taxId }, by.staff);
  expect(accounts.map((one) => one.accountId)).toEqual([accountId]);
  expect(await by.reveal(accountId, owner)).toMatchObject({ accountNumber });
  const holder = await by.accounts.revealHolder({ requestId: uuidv7(), accountId }, owner);
  expect(holder).toMatchObject({ legalName: 'Ada Lovelace', taxId });
}

const start = (vault: string[], index: string[]) =>
  startAccounts({ joins: bank, settings: secrets(vault, index) });

const wrappedBy = async () => {
  const rows = await bank.network.sql`
    select master_id from finance_account.vault_subject where erased_at is null group by 1`;
  return rows.length;
};

describe('both secrets', () => {
  test('are changed while accounts are opened, found and revealed by every process', async () => {
    const known = [await openKnown(bank, ada)];
    const request = bank.wanted();
    const { account } = await bank.accounts.createAccount(request, ada);
    const steps: [string[], string[]][] = [
      [
        [oldVault, newVault],
        [oldIndex, newIndex],
      ],
      [
        [newVault, oldVault],
        [newIndex, oldIndex],
      ],
    ];
    const processes = [bank];
    for (const [vault, index] of steps) {
      const next = await start(vault, index);
      processes.push(next);
      const last = processes.slice(-2);
      // The process of before and the next one work side by side, each upon what the other makes.
      await Promise.all(
        last.map(async (by, i) => {
          for (let round = 0; round < 5; round += 1) {
            const made = await openKnown(by, await bank.network.person());
            await expectWhole(last[1 - i]!, made);
            known.push(made);
          }
        }),
      );
    }
    const present = processes[2]!;
    await present.network.settle();
    await expect.poll(wrappedBy).toBe(1);
    // The former master key can go; the former secret of the index finds what it made a token of.
    const after = await start([newVault], [newIndex, oldIndex]);
    for (const one of known) await expectWhole(after, one);
    expect((await after.accounts.createAccount(request, ada)).account).toEqual(account);
    for (const by of [after, ...processes.slice(1).toReversed()]) await by.stop();
  });
});

describe('an erased customer', () => {
  test('is found by nothing, revealed by nobody, and never gets an account again', async () => {
    const { accountId, accountNumber, taxId } = await openKnown(bank, ada);
    await bank.close(accountId, ada);
    await bank.erase(ada.id);
    const { account } = await bank.accounts.getAccount({ accountId }, ada);
    expect(account).toMatchObject({ status: AccountStatus.CLOSED, maskedNumber: '' });
    const erased = { reason: 'CUSTOMER_ERASED', metadata: { owner_id: ada.id } };
    await expect(bank.reveal(accountId, bank.staff)).rejects.toMatchObject(erased);
    const holder = bank.accounts.revealHolder({ requestId: uuidv7(), accountId }, bank.staff);
    await expect(holder).rejects.toMatchObject(erased);
    await expect(bank.accounts.lookupAccount({ accountNumber }, ada)).rejects.toMatchObject({
      reason: 'ACCOUNT_NOT_FOUND',
    });
    expect((await bank.accounts.findAccounts({ taxId }, bank.staff)).accounts).toEqual([]);
    await expect(bank.open(ada)).rejects.toMatchObject(erased);
  });

  test('is shown by no answer of before, neither that of opening nor that of revealing', async () => {
    const request = bank.wanted();
    const { account } = await bank.accounts.createAccount(request, ada);
    const { accountId } = account!;
    const requestId = uuidv7();
    await bank.reveal(accountId, ada, requestId);
    await bank.close(accountId, ada);
    await bank.erase(ada.id);
    const repeated = await bank.accounts.createAccount(request, ada);
    expect(repeated.account).toEqual({ ...account, maskedNumber: '' });
    await expect(bank.reveal(accountId, ada, requestId)).rejects.toMatchObject({
      reason: 'CUSTOMER_ERASED',
    });
  });

  test('has closed every account before, and may be erased again', async () => {
    const accounts = [await bank.open(ada), await bank.open(ada)];
    const ids = accounts.map(({ accountId }) => accountId);
    await bank.close(ids[0]!, ada);
    await expect(bank.erase(ada.id)).rejects.toMatchObject({
      code: 'failed_precondition',
      reason: 'ACCOUNT_NOT_CLOSED',
      metadata: { account_id: ids[1] },
    });
    await bank.reveal(ids[0]!, ada);
    await bank.close(ids[1]!, ada);
    await bank.erase(ada.id);
    await bank.erase(ada.id);
    const nobody = uuidv7();
    await expect(bank.erase(nobody)).rejects.toMatchObject({
      reason: 'CUSTOMER_NOT_FOUND',
      metadata: { owner_id: nobody },
    });
  });
});
