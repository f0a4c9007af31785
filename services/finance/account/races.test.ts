import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { AccountStatus } from '#gen/finance/account/v1/account_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import { tally, times } from '#kit/testing/crowd.ts';
import { holdAt } from '#kit/testing/hold.ts';
import { meetAt, meetInTurn } from '#kit/testing/meet.ts';
import type { Person } from '#kit/testing/network.ts';
import { brokenInvariants } from '#services/finance/transaction/invariants.ts';
import { createAccountModule } from './service.ts';
import { type Bank, openBus, startAccounts } from './testing.ts';

let bank: Bank;
let second: Bank;
let bus: Awaited<ReturnType<typeof openBus>>;
let ada: Person;
let bob: Person;
/** The digits of the next numbers, as far as they are not left to chance. */
let draws: string[] = [];

const module = createAccountModule(
  (count) => draws.shift() ?? String(randomInt(10 ** count)).padStart(count, '0'),
);

beforeAll(async () => {
  bank = await startAccounts({ module });
  second = await startAccounts({ module, joins: bank });
  bus = await openBus(bank, inject('servers').natsUrl);
});
beforeEach(async () => {
  ada = await bank.network.person();
  bob = await bank.network.person();
  draws = [];
});
afterAll(async () => {
  expect(await brokenInvariants(bank.network.sql)).toEqual([]);
  await bus.close();
  await second.stop();
  await bank.stop();
});

/** The bank by either of two processes. */
const at = (i: number) => [bank, second][i % 2]!;
const list = async (owner: Person) => (await bank.accounts.listAccounts({}, owner)).accounts;
const numberOf = async (accountId: string, owner: Person) =>
  (await bank.reveal(accountId, owner)).accountNumber;
const points = (...names: string[]) => names.map((name) => `finance.account.${name}`);

describe('two processes', () => {
  test('make one account of one request, and answer it alike', async () => {
    const request = bank.wanted();
    const [first, other] = await meetInTurn(
      { point: 'finance.account.before-created', sql: bank.network.sql },
      () => bank.accounts.createAccount(request, ada),
      () => second.accounts.createAccount(request, ada),
    );
    expect(first.status).toBe('fulfilled');
    expect(other).toEqual(first);
    const [account, ...more] = await list(ada);
    expect(more).toEqual([]);
    expect(await bus.openingsOf(account!.accountId)).toBe(1);
    const { auditLogs } = await bank.audit.listAuditLogs({ who: ada.id }, bank.staff);
    expect(auditLogs.map(({ action }) => action)).toEqual(['account.create']);
  });

  test('make one account of 20 calls with one request', async () => {
    const request = bank.wanted();
    const results = await times(20, (i) => at(i).accounts.createAccount(request, ada));
    expect(tally(results)).toEqual({ done: 20 });
    expect(await list(ada)).toHaveLength(1);
  });

  test('that open one account at once tell of it once', async () => {
    const hold = holdAt('finance.account.after-ledger');
    const creating = bank.open(ada);
    await hold.reached;
    bank.network.clock.advance({ seconds: 6 });
    const meeting = meetAt(points('after-ledger'), bank.network.sql);
    await meeting.joined(2);
    meeting.letAllGo();
    hold.letGo();
    expect(await bus.openingsOf((await creating).accountId)).toBe(1);
  });

  test('that draw the same number give it to one account, and another one to the other', async () => {
    draws = ['111111111111', '111111111111'];
    const meeting = meetAt(points('drawn'), bank.network.sql);
    const opening = Promise.all([bank.open(ada), second.open(bob)]);
    await meeting.joined(2);
    expect(draws).toEqual([]);
    meeting.letAllGo();
    const [one, other] = await opening;
    const numbers = [await numberOf(one.accountId, ada), await numberOf(other.accountId, bob)];
    expect(numbers.filter((number) => number.endsWith('111111111111'))).toHaveLength(1);
    for (const [i, accountNumber] of numbers.entries()) {
      const { accountId } = await bank.accounts.lookupAccount({ accountNumber }, ada);
      expect(accountId).toBe([one, other][i]!.accountId);
    }
  });

  test('let no money leave an account once its freeze was answered', async () => {
    const [from, to] = [await bank.open(ada), await bank.open(bob)];
    await bank.deposit(from.accountId, 1_000n);
    let postedMinor: bigint | undefined;
    const results = await times(100, async (i) => {
      if (i === 40) {
        const reason = 'a court order';
        const request = { requestId: uuidv7(), accountId: from.accountId, reason };
        const { account } = await second.accounts.freezeAccount(request, bank.staff);
        postedMinor = account!.postedMinor;
      } else await at(i).ledger.transfer(from.accountId, to.accountId, 1n, { as: ada });
    });
    const { done = 0, ...refused } = tally(results);
    expect(refused).toEqual({ ACCOUNT_FROZEN: 100 - done });
    const { account } = await bank.accounts.getAccount({ accountId: from.accountId }, ada);
    expect(account).toMatchObject({ postedMinor, status: AccountStatus.FROZEN });
    expect(account!.postedMinor).toBe(1_000n - BigInt(done - 1));
  });

  test('close an account or put money on it, never both', async () => {
    for (let round = 0; round < 15; round += 1) {
      const { accountId } = await bank.open(ada);
      const [closed, paid] = await Promise.allSettled([
        at(round).close(accountId, ada),
        at(round + 1).deposit(accountId, 1n),
      ]);
      const { account } = await bank.accounts.getAccount({ accountId }, ada);
      const isClosed = account!.status === AccountStatus.CLOSED;
      expect(account!.postedMinor).toBe(isClosed ? 0n : 1n);
      expect(tally([closed])).toEqual({ [isClosed ? 'done' : 'ACCOUNT_NOT_EMPTY']: 1 });
      expect(tally([paid])).toEqual({ [isClosed ? 'ACCOUNT_CLOSED' : 'done']: 1 });
    }
  });
});

describe('who is being erased', () => {
  beforeEach(async () => {
    const { accountId } = await bank.open(ada);
    await bank.close(accountId, ada);
  });

  test('gets no account any more that was asked for a moment too late', async () => {
    const meeting = meetAt(points('before-erased', 'before-created'), bank.network.sql);
    const erasing = times(1, () => bank.erase(ada.id));
    await meeting.joined(1);
    const creating = times(1, () => second.open(ada));
    await meeting.joined(2);
    meeting.letAllGo();
    expect(tally(await erasing)).toEqual({ done: 1 });
    expect(tally(await creating)).toEqual({ CUSTOMER_ERASED: 1 });
    expect(await list(ada)).toHaveLength(1);
  });

  test('stays when an account of theirs was written down a moment before', async () => {
    const meeting = meetAt(points('before-erased', 'before-created'), bank.network.sql);
    const creating = second.open(ada);
    await meeting.joined(1);
    const erasing = times(1, () => bank.erase(ada.id));
    await meeting.joined(2);
    meeting.letAllGo();
    const { accountId } = await creating;
    expect(tally(await erasing)).toEqual({ ACCOUNT_NOT_CLOSED: 1 });
    expect(await numberOf(accountId, ada)).toMatch(/^XM/);
  });

  test.each(['before-revealed', 'after-revealed'])(
    'is not shown by a reveal that was %s when they were erased',
    async (where) => {
      const [account] = await list(ada);
      const hold = holdAt(`finance.account.${where}`);
      const revealing = times(1, () => second.reveal(account!.accountId, ada));
      await hold.reached;
      await bank.erase(ada.id);
      hold.letGo();
      expect(tally(await revealing)).toEqual({ CUSTOMER_ERASED: 1 });
    },
  );
});
