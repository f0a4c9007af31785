import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { AccountStatus } from '#gen/finance/account/v1/account_pb.ts';
import { armDebugPoint } from '#kit/debug.ts';
import { uuidv7 } from '#kit/ids.ts';
import { ServiceUnreachable } from '#kit/mesh-errors.ts';
import { killTransactions } from '#kit/testing/deaths.ts';
import type { Person } from '#kit/testing/network.ts';
import { limits } from './domain.ts';
import { type Bank, openBus, startAccounts } from './testing.ts';

let bank: Bank;
let second: Bank;
let bus: Awaited<ReturnType<typeof openBus>>;
let ada: Person;
let disarm = () => {};

beforeAll(async () => {
  bank = await startAccounts();
  second = await startAccounts({ joins: bank });
  bus = await openBus(bank, inject('servers').natsUrl);
});
beforeEach(async () => {
  ada = await bank.network.person();
});
afterEach(() => {
  disarm();
  bank.surroundings.screen = () => {};
});
afterAll(async () => {
  await bus.close();
  await second.stop();
  await bank.stop();
});

/** The first to come there dies: of its transaction, if it is in one, nothing is left. */
function dieAt(where: string): void {
  disarm = armDebugPoint(`finance.account.${where}`, async () => {
    disarm();
    await killTransactions(bank.network.sql, 'finance.account');
    throw new Error('died');
  });
}

const outliveOpening = () =>
  bank.network.clock.advance({ milliseconds: limits.openingMs + limits.recoveryEveryMs });
const list = async () => (await bank.accounts.listAccounts({}, ada)).accounts;
const screeningsOf = ({ id }: Person) => {
  const requests = bank.surroundings.screened.filter(({ ownerId }) => ownerId === id);
  return new Set(requests.map(({ requestId }) => requestId)).size;
};

async function entriesOf(resource: string, resourceId: string): Promise<string[]> {
  await bank.network.settle();
  const { auditLogs } = await bank.audit.listAuditLogs({ resource, resourceId }, bank.staff);
  return auditLogs.map(({ action }) => action);
}

const openingSteps = ['after-created', 'after-screening', 'after-ledger', 'before-opened'];

describe('a process that dies while it opens an account', () => {
  test('before it is written down leaves nothing, and the same request then opens it', async () => {
    const request = bank.wanted();
    dieAt('before-created');
    await expect(bank.accounts.createAccount(request, ada)).rejects.toThrow();
    expect(await list()).toEqual([]);
    expect(screeningsOf(ada)).toBe(0);
    const { account } = await second.accounts.createAccount(request, ada);
    expect(account!.status).toBe(AccountStatus.ACTIVE);
    expect(await entriesOf('account', account!.accountId)).toEqual(['account.create']);
  });

  test.each(openingSteps)('%s leaves it to recovery, which opens it once', async (where) => {
    const request = bank.wanted();
    dieAt(where);
    await expect(bank.accounts.createAccount(request, ada)).rejects.toThrow();
    const [opening] = await list();
    expect(opening).toMatchObject({ status: AccountStatus.OPENING, availableMinor: 0n });
    outliveOpening();
    expect(await bus.openingsOf(opening!.accountId)).toBe(1);
    const [opened] = await list();
    expect(opened).toEqual({ ...opening, status: AccountStatus.ACTIVE });
    expect((await second.accounts.createAccount(request, ada)).account).toEqual(opened);
    expect(await bus.openingsOf(opening!.accountId)).toBe(1);
    expect(screeningsOf(ada)).toBe(1);
    expect(await entriesOf('account', opening!.accountId)).toEqual(['account.create']);
  });

  test.each(openingSteps)('%s has it opened by whoever repeats the request', async (where) => {
    const request = bank.wanted();
    dieAt(where);
    await expect(bank.accounts.createAccount(request, ada)).rejects.toThrow();
    const { account } = await second.accounts.createAccount(request, ada);
    expect(await list()).toEqual([account]);
    expect(await bus.openingsOf(account!.accountId)).toBe(1);
    expect(screeningsOf(ada)).toBe(1);
  });
});

test('an account whose holder cannot be screened waits, and opens when they can', async () => {
  bank.surroundings.screen = () => {
    throw new ServiceUnreachable({ service: 'finance.compliance' });
  };
  const request = bank.wanted();
  const create = () => bank.accounts.createAccount(request, ada);
  await expect(create()).rejects.toMatchObject({ code: 'unavailable' });
  expect(await list()).toMatchObject([{ status: AccountStatus.OPENING }]);
  await expect(bank.close((await list())[0]!.accountId, ada)).rejects.toMatchObject({
    code: 'unavailable',
  });
  bank.surroundings.screen = () => {};
  outliveOpening();
  await bank.network.settle();
  expect((await create()).account).toMatchObject({ status: AccountStatus.ACTIVE });
});

describe('a process that dies', () => {
  test('when the ledger has frozen an account leaves the answer to the same request', async () => {
    const { accountId } = await bank.open(ada);
    const request = { requestId: uuidv7(), accountId, reason: 'a court order' };
    const freeze = (by: Bank) => by.accounts.freezeAccount(request, bank.staff);
    dieAt('after-status');
    await expect(freeze(bank)).rejects.toThrow();
    // Who did it is known, although nobody asks again.
    expect(await entriesOf('ledger_account', accountId)).toEqual(['ledger_account.set_status']);
    expect((await list())[0]).toMatchObject({ status: AccountStatus.FROZEN });
    expect((await freeze(second)).account!.status).toBe(AccountStatus.FROZEN);
    expect(await entriesOf('account', accountId)).toEqual(['account.freeze', 'account.create']);
    expect(await entriesOf('ledger_account', accountId)).toHaveLength(1);
  });

  test('before it has noted that a number is revealed has not revealed it', async () => {
    const { accountId } = await bank.open(ada);
    const requestId = uuidv7();
    dieAt('before-revealed');
    await expect(bank.reveal(accountId, ada, requestId)).rejects.toThrow();
    expect(await entriesOf('account', accountId)).toEqual(['account.create']);
    await second.reveal(accountId, ada, requestId);
    expect(await entriesOf('account', accountId)).toContain('account.reveal_number');
  });
});

describe('a process that dies while it erases a customer', () => {
  let request: { requestId: string; ownerId: string };
  let accountId: string;
  const erase = (by: Bank) => by.accounts.eraseCustomer(request, bank.staff);

  beforeEach(async () => {
    accountId = (await bank.open(ada)).accountId;
    await bank.close(accountId, ada);
    await bank.network.settle();
    request = { requestId: uuidv7(), ownerId: ada.id };
  });

  /** Whether the audit log can still say what CreateAccount told of the holder. */
  async function isErasedFromLog(): Promise<boolean> {
    const { auditLogs } = await bank.audit.listAuditLogs(
      { action: 'account.create', resource: 'account', resourceId: accountId },
      bank.staff,
    );
    const { isPersonalErased, personalJson } = auditLogs[0]!;
    expect(personalJson === '').toBe(isPersonalErased);
    return isPersonalErased;
  }

  test('before the commit has erased nothing', async () => {
    dieAt('before-erased');
    await expect(erase(bank)).rejects.toThrow();
    await bank.reveal(accountId, ada);
    expect(await isErasedFromLog()).toBe(false);
    await erase(second);
    await expect(bank.reveal(accountId, ada)).rejects.toMatchObject({ reason: 'CUSTOMER_ERASED' });
    expect(await isErasedFromLog()).toBe(true);
  });

  test.each(['after-erased', 'after-audit-erased'])(
    '%s has erased them here, and somebody does in the audit log',
    async (where) => {
      dieAt(where);
      await expect(erase(bank)).rejects.toThrow();
      await expect(bank.reveal(accountId, ada)).rejects.toMatchObject({
        reason: 'CUSTOMER_ERASED',
      });
      await bank.network.settle();
      expect(await isErasedFromLog()).toBe(true);
      await erase(second);
      expect(await entriesOf('customer', ada.id)).toEqual(['customer.erase']);
    },
  );
});

test('a screening of all customers whose process dies goes on, and ends with each of them once', async () => {
  const owners = await Promise.all(Array.from({ length: 4 }, () => bank.network.person()));
  for (const owner of owners) await bank.open(owner);
  const total = await bank.network.sql`select from finance_account.account`;
  await bank.network.settle();
  bank.surroundings.screened.length = 0;
  dieAt('after-screening-some');
  await bus.tellOfList('newer');
  await expect.poll(() => bank.surroundings.screened.length).toBeGreaterThan(0);
  await bank.network.settle();
  const screened = new Set(bank.surroundings.screened.map(({ requestId }) => requestId));
  const erased = await bank.network.sql`
    select from finance_account.account where number_token is null`;
  expect(screened.size).toBe(total.length - erased.length);
  for (const { id } of owners) expect(screeningsOf(await bank.network.person({ id }))).toBe(1);
});
