/** What is sealed of accounts and their holders is in clear nowhere: no table, log, span, refusal or message has it. */
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { uuidv7 } from '#kit/ids.ts';
import type { Person } from '#kit/testing/network.ts';
import { type Bank, openBus, startAccounts } from '#services/finance/account/testing.ts';
import { collectEvidence, messagesOf } from '../support/evidence.ts';
import { tablesWith } from '../support/secrecy.ts';

const holder = { legalName: 'Canary Holder', taxId: 'CANARY-TAX.77' };
/** All forms in which one of them would show, by what it is. */
const traces: Record<string, string[]> = {
  'legal name': ['Canary Holder', 'canary holder', 'CANARY HOLDER'],
  'tax id': ['CANARY-TAX.77', 'CANARYTAX77'],
};

let bank: Bank;
const evidence = collectEvidence();
const { lines, errors, refused } = evidence;

beforeAll(async () => {
  bank = await startAccounts(evidence.options);
  await useEverything(await bank.network.person());
  await bank.network.settle();
});
afterAll(async () => {
  evidence.stop();
  await bank.stop();
});

/** Every way in which any of it comes in, goes out or goes wrong. */
async function useEverything(ada: Person): Promise<void> {
  const { accounts, staff, network } = bank;
  const request = bank.wanted(holder);
  const { account } = await accounts.createAccount(request, ada);
  const { accountId } = account!;
  await accounts.createAccount(request, ada);
  await refused(accounts.createAccount({ ...request, legalName: `${holder.legalName}!` }, ada));
  await refused(bank.open(ada, { ...holder, currencyCode: 'XYZ' }));
  await refused(bank.open(ada, { ...holder, taxId: `${holder.taxId}§` }));
  const { accountNumber } = await bank.reveal(accountId, ada);
  const spaced = accountNumber.match(/.{4}/g)!.join(' ');
  traces.number = [accountNumber, spaced, accountNumber.slice(8), accountNumber.toLowerCase()];
  await accounts.revealHolder({ requestId: uuidv7(), accountId }, staff);
  await accounts.lookupAccount({ accountNumber: spaced }, ada);
  await refused(accounts.lookupAccount({ accountNumber: `${accountNumber}0` }, ada));
  const { nextPageToken } = await findOne();
  await refused(accounts.findAccounts({ taxId: 'another', pageToken: nextPageToken }, staff));
  await accounts.freezeAccount({ requestId: uuidv7(), accountId, reason: 'an order' }, staff);
  await screenAnew();
  // The driver's errors hold statements and values.
  const { sql } = network;
  await sql`alter table finance_account.account rename column tax_id_token to token`;
  await refused(bank.open(ada, holder));
  await refused(findOne());
  await sql`alter table finance_account.account rename column token to tax_id_token`;
  await sql`alter table finance_account.account rename column number_token to token`;
  await refused(accounts.lookupAccount({ accountNumber }, ada));
  await sql`alter table finance_account.account rename column token to number_token`;
}

async function findOne() {
  const { taxId } = holder;
  await bank.open(await bank.network.person(), holder);
  return bank.accounts.findAccounts({ taxId, pageSize: 1 }, bank.staff);
}

async function screenAnew(): Promise<void> {
  const bus = await openBus(bank, inject('servers').natsUrl);
  await bus.tellOfList('newer');
  await bank.network.settle();
  await bus.close();
}

/** What of it a text holds. */
function foundIn(text: string): string[] {
  return Object.keys(traces).filter((what) => traces[what]!.some((one) => text.includes(one)));
}

test('the flows that carry it did run', () => {
  expect(errors).toHaveLength(8);
  expect(errors.filter((text) => text.includes('"internal"'))).toHaveLength(3);
  expect(Object.keys(traces)).toHaveLength(3);
  const { screened } = bank.surroundings;
  expect(screened.filter(({ name }) => name === holder.legalName).length).toBeGreaterThan(2);
});

test('no table has it, the log of requests and the audit log included', async () => {
  const tables = await tablesWith(bank.network.sql, /./);
  expect(tables.map(([name]) => name)).toEqual(
    expect.arrayContaining([
      'finance_account.account',
      'finance_account.request_log',
      'platform_audit.audit_entry',
    ]),
  );
  for (const [name, text] of tables) expect(foundIn(text), name).toEqual([]);
});

test('no log line and no span has it, at any level', () => {
  const text = lines.join('\n');
  expect(text).toContain('"service":"finance.account"');
  expect(foundIn(text)).toEqual([]);
  const spans = evidence.spans().map((span) => span.text);
  expect(spans.join('\n')).toContain('/finance.account.v1.AccountService/CreateAccount');
  expect(foundIn(spans.join('\n'))).toEqual([]);
});

test('no refusal tells it', () => {
  expect(foundIn(errors.join('\n'))).toEqual([]);
});

test('no message on the bus has it', async () => {
  const messages = await messagesOf(bank.network);
  expect(messages.map(({ type }) => type)).toEqual(
    expect.arrayContaining(['AccountOpened', 'EntriesMade', 'LedgerAccountStatusChanged']),
  );
  for (const { type, text } of messages) expect(foundIn(text), type).toEqual([]);
});
