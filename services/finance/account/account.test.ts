import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AccountStatus } from '#gen/finance/account/v1/account_pb.ts';
import { AccountType } from '#gen/finance/transaction/v1/verdict_pb.ts';
import { UserStatus } from '#gen/platform/user/v1/user_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Person } from '#kit/testing/network.ts';
import { numberOf } from './domain/number.ts';
import { limits } from './domain.ts';
import { type Bank, startAccounts } from './testing.ts';

let bank: Bank;
let ada: Person;
let bob: Person;

beforeAll(async () => {
  bank = await startAccounts();
});
beforeEach(async () => {
  ada = await bank.network.person();
  bob = await bank.network.person();
});
afterAll(() => bank.stop());

const get = async (accountId: string, by: Pick<Person, 'headers'>) =>
  (await bank.accounts.getAccount({ accountId }, by)).account!;

describe('opening an account', () => {
  test('answers it as the ledger has it, with its number masked, and the same again', async () => {
    const request = bank.wanted({ accountType: AccountType.SAVINGS });
    const { account } = await bank.accounts.createAccount(request, ada);
    expect(account).toMatchObject({
      ownerId: ada.id,
      accountType: AccountType.SAVINGS,
      currencyCode: 'EUR',
      status: AccountStatus.ACTIVE,
      postedMinor: 0n,
    });
    expect(account!.maskedNumber).toMatch(/^XM•• •••• •••• •••• \d{4}$/);
    expect(await get(account!.accountId, ada)).toEqual(account);
    await bank.deposit(account!.accountId, 500n);
    expect((await bank.accounts.createAccount(request, ada)).account).toEqual(account);
    expect(await get(account!.accountId, ada)).toMatchObject({ availableMinor: 500n });
  });

  test('screens the holder once, under the name of their documents', async () => {
    const { accountId } = await bank.open(ada, { legalName: 'Ada King' });
    const screened = bank.surroundings.screened.filter(({ ownerId }) => ownerId === ada.id);
    expect(screened.map(({ name }) => name)).toEqual(['Ada King']);
    expect((await get(accountId, ada)).status).toBe(AccountStatus.ACTIVE);
  });

  test('for somebody else is for staff', async () => {
    await expect(bank.open(ada, { ownerId: bob.id })).rejects.toMatchObject({
      code: 'not_found',
      reason: 'OWNER_NOT_FOUND',
      metadata: { owner_id: bob.id },
    });
    const credit = { accountType: AccountType.CREDIT, creditLimitMinor: 900n };
    const account = await bank.open(bank.staff, { ownerId: bob.id, ...credit });
    expect(account).toMatchObject({ ownerId: bob.id, creditLimitMinor: 900n });
    expect(await get(account.accountId, bob)).toMatchObject({ availableMinor: 900n });
  });

  test.each([
    ['UNKNOWN_CURRENCY', { currencyCode: 'XYZ' }],
    ['CREDIT_LIMIT_NOT_ALLOWED', { accountType: AccountType.CREDIT, creditLimitMinor: 1n }],
    ['FIELD_INVALID', { creditLimitMinor: 1n }],
    ['FIELD_INVALID', { accountType: AccountType.UNSPECIFIED }],
    ['FIELD_INVALID', { legalName: ' ' }],
    ['FIELD_INVALID', { taxId: '-' }],
  ])('is refused as %s for %o', async (reason, more) => {
    await expect(bank.open(ada, more)).rejects.toMatchObject({ reason });
    expect((await bank.accounts.listAccounts({}, ada)).accounts).toEqual([]);
  });

  test.each([
    ['OWNER_NOT_FOUND', undefined],
    ['OWNER_NOT_ACTIVE', UserStatus.SUSPENDED],
    ['OWNER_NOT_ACTIVE', UserStatus.INACTIVE],
  ])('is refused as %s for a person of status %o, for ever', async (reason, status) => {
    bank.surroundings.statuses.set(ada.id, status);
    const request = bank.wanted();
    const refusal = { reason, metadata: { owner_id: ada.id } };
    await expect(bank.accounts.createAccount(request, ada)).rejects.toMatchObject(refusal);
    bank.surroundings.statuses.delete(ada.id);
    await expect(bank.accounts.createAccount(request, ada)).rejects.toMatchObject(refusal);
    await bank.open(ada);
  });

  test('is refused to whoever has as many as one may', async () => {
    const first = await bank.open(ada);
    await bank.network.sql`
      insert into finance_account.account
      select gen_random_uuid(), owner_id, type, currency, credit_limit_minor, number_sealed,
        legal_name_sealed, tax_id_sealed, null, null, created_at, opened_at
      from finance_account.account, generate_series(2, ${limits.accountsPerOwnerMax}::integer)
      where account_id = ${first.accountId}`;
    await expect(bank.open(ada)).rejects.toMatchObject({ reason: 'TOO_MANY_ACCOUNTS' });
  });
});

describe('reading', () => {
  test('an account of somebody else looks as if it did not exist, except to staff', async () => {
    const { accountId } = await bank.open(ada);
    const refusal = {
      code: 'not_found',
      reason: 'ACCOUNT_NOT_FOUND',
      metadata: { account_id: accountId },
    };
    await expect(get(accountId, bob)).rejects.toMatchObject(refusal);
    await expect(bank.reveal(accountId, bob)).rejects.toMatchObject(refusal);
    await expect(bank.close(accountId, bob)).rejects.toMatchObject(refusal);
    expect((await get(accountId.toUpperCase(), bank.staff)).ownerId).toBe(ada.id);
  });

  test('the pages of a list hold each account once, the newest first, with its balance', async () => {
    const opened: string[] = [];
    for (let i = 1n; i <= 5n; i += 1n) {
      const { accountId } = await bank.open(ada);
      await bank.deposit(accountId, i);
      opened.push(accountId);
    }
    await bank.open(bob);
    const seen: [string, bigint][] = [];
    let pageToken = '';
    do {
      const page = await bank.accounts.listAccounts({ pageSize: 2, pageToken }, ada);
      for (const { accountId, postedMinor } of page.accounts) seen.push([accountId, postedMinor]);
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(seen).toEqual(opened.map((id, i) => [id, BigInt(i + 1)]).toReversed());
    const byStaff = await bank.accounts.listAccounts({ ownerId: ada.id }, bank.staff);
    expect(byStaff.accounts).toHaveLength(5);
  });

  test('an account is found by its number, however it is written', async () => {
    const { accountId } = await bank.open(ada);
    const { accountNumber } = await bank.reveal(accountId, ada);
    const written = accountNumber.toLowerCase().match(/.{4}/g)!.join(' ');
    expect(await bank.accounts.lookupAccount({ accountNumber: written }, bob)).toMatchObject({
      accountId,
      currencyCode: 'EUR',
    });
    const mistyped = accountNumber.replace(/.$/, (digit) => String((Number(digit) + 1) % 10));
    const lookup = bank.accounts.lookupAccount({ accountNumber: mistyped }, bob);
    await expect(lookup).rejects.toMatchObject({ reason: 'ACCOUNT_NUMBER_INVALID' });
    const nobodys = { accountNumber: numberOf('000000000000') };
    await expect(bank.accounts.lookupAccount(nobodys, bob)).rejects.toMatchObject({
      code: 'not_found',
      reason: 'ACCOUNT_NOT_FOUND',
      metadata: {},
    });
  });

  test('staff find the accounts of a tax id, however it is written', async () => {
    const taxId = `AB-${uuidv7().slice(0, 20)}`;
    const opened = [await bank.open(ada, { taxId }), await bank.open(bob, { taxId })];
    const written = taxId.replaceAll('-', ' ').toLowerCase();
    const find = (page: object) =>
      bank.accounts.findAccounts({ taxId: written, ...page }, bank.staff);
    const first = await find({ pageSize: 1 });
    const second = await find({ pageSize: 1, pageToken: first.nextPageToken });
    expect([...first.accounts, ...second.accounts].map(({ accountId }) => accountId)).toEqual(
      opened.map(({ accountId }) => accountId).toReversed(),
    );
    expect(second.nextPageToken).toBe('');
    expect((await bank.accounts.findAccounts({ taxId: '000' }, bank.staff)).accounts).toEqual([]);
    await expect(bank.accounts.findAccounts({ taxId }, ada)).rejects.toMatchObject({
      reason: 'CALLER_NOT_ALLOWED',
    });
  });
});

describe('revealing', () => {
  test('tells the number and the holder, and leaves one entry in the audit log for a request', async () => {
    const { accountId, maskedNumber } = await bank.open(ada, { taxId: 'XY-1' });
    const requestId = uuidv7();
    const { accountNumber } = await bank.reveal(accountId, ada, requestId);
    expect(await bank.reveal(accountId, ada, requestId)).toMatchObject({ accountNumber });
    expect(accountNumber.slice(-4)).toBe(maskedNumber.slice(-4));
    const holder = await bank.accounts.revealHolder({ requestId, accountId }, bank.staff);
    expect(holder).toMatchObject({ legalName: 'Ada Lovelace', taxId: 'XY-1' });
    await bank.network.settle();
    const { auditLogs } = await bank.audit.listAuditLogs(
      { resource: 'account', resourceId: accountId },
      bank.staff,
    );
    expect(auditLogs.map(({ action, userId }) => [action, userId]).toReversed()).toEqual([
      ['account.create', ada.id],
      ['account.reveal_number', ada.id],
      ['account.reveal_holder', bank.staff.id],
    ]);
  });

  test('tells nothing by a request of before to who may not see the account any more', async () => {
    const { accountId } = await bank.open(ada);
    const requestId = uuidv7();
    await bank.reveal(accountId, bank.staff, requestId);
    const formerly = await bank.network.person({ id: bank.staff.id });
    await expect(bank.reveal(accountId, formerly, requestId)).rejects.toMatchObject({
      reason: 'ACCOUNT_NOT_FOUND',
    });
  });
});

describe('freezing and closing', () => {
  const freeze = (accountId: string, requestId = uuidv7(), reason = 'a court order') =>
    bank.accounts.freezeAccount({ requestId, accountId, reason }, bank.staff);
  const unfreeze = (accountId: string) =>
    bank.accounts.unfreezeAccount({ requestId: uuidv7(), accountId, reason: 'over' }, bank.staff);

  test('a frozen account lets nothing go until it is set free, and the ledger says so', async () => {
    const [from, to] = [await bank.open(ada), await bank.open(bob)];
    await bank.deposit(from.accountId, 10n);
    const transfer = () => bank.ledger.transfer(from.accountId, to.accountId, 4n, { as: ada });
    expect((await freeze(from.accountId)).account).toMatchObject({
      status: AccountStatus.FROZEN,
      postedMinor: 10n,
      maskedNumber: from.maskedNumber,
    });
    await expect(transfer()).rejects.toMatchObject({ reason: 'ACCOUNT_FROZEN' });
    await unfreeze(from.accountId);
    await transfer();
    expect(await get(from.accountId, ada)).toMatchObject({
      status: AccountStatus.ACTIVE,
      postedMinor: 6n,
    });
  });

  test('a freeze is answered the same again, and its id stands for nothing else', async () => {
    const { accountId } = await bank.open(ada);
    const other = await bank.open(ada);
    const requestId = uuidv7();
    const first = await freeze(accountId, requestId);
    await unfreeze(accountId);
    expect(await freeze(accountId, requestId)).toEqual(first);
    expect(await get(accountId, ada)).toMatchObject({ status: AccountStatus.ACTIVE });
    const reused = { reason: 'REQUEST_ID_REUSED', metadata: { request_id: requestId } };
    await expect(freeze(other.accountId, requestId)).rejects.toMatchObject(reused);
    await expect(freeze(accountId, requestId, 'another')).rejects.toMatchObject(reused);
    expect(await get(other.accountId, ada)).toMatchObject({ status: AccountStatus.ACTIVE });
  });

  test('who froze is in the audit log, here and in the ledger', async () => {
    const { accountId } = await bank.open(ada);
    await freeze(accountId);
    await bank.network.settle();
    const { auditLogs } = await bank.audit.listAuditLogs({ who: bank.staff.id }, bank.staff);
    const told = auditLogs.filter(({ resourceId }) => resourceId === accountId);
    expect(told.map(({ action, subjectId }) => [action, subjectId]).sort()).toEqual([
      ['account.freeze', ada.id],
      ['ledger_account.set_status', ada.id],
    ]);
    expect(told.some(({ detailsJson }) => detailsJson.includes('a court order'))).toBe(true);
  });

  test('an account with money on it, held or on its way is not closed: the ledger decides', async () => {
    const { accountId } = await bank.open(ada);
    await bank.deposit(accountId, 3n);
    const requestId = uuidv7();
    const close = () => bank.accounts.closeAccount({ requestId, accountId }, ada);
    const refusal = {
      code: 'failed_precondition',
      reason: 'ACCOUNT_NOT_EMPTY',
      metadata: { account_id: accountId, posted_minor: '3', held_minor: '0', incoming_minor: '0' },
    };
    await expect(close()).rejects.toMatchObject(refusal);
    await bank.ledger.transfer(accountId, (await bank.open(bob)).accountId, 3n);
    // Refused is refused: what the caller believes undone is not done by a repeat.
    await expect(close()).rejects.toMatchObject(refusal);
    const { account } = await bank.close(accountId, ada);
    expect(account!.status).toBe(AccountStatus.CLOSED);
    await expect(freeze(accountId)).rejects.toMatchObject({
      reason: 'ACCOUNT_CLOSED',
      metadata: { account_id: accountId },
    });
    await expect(bank.deposit(accountId, 1n)).rejects.toMatchObject({ reason: 'ACCOUNT_CLOSED' });
  });
});
