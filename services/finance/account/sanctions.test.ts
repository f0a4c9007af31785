/** Accounts with everybody around them who is there in truth: people who signed up, and the screening of compliance. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AccountService, AccountStatus } from '#gen/finance/account/v1/account_pb.ts';
import { ComplianceService, Typology } from '#gen/finance/compliance/v1/compliance_pb.ts';
import { TransactionService } from '#gen/finance/transaction/v1/transaction_pb.ts';
import { AccountType, TransactionType } from '#gen/finance/transaction/v1/verdict_pb.ts';
import { UserService } from '#gen/platform/user/v1/user_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Network, Person } from '#kit/testing/network.ts';
import { clientsOf } from '#services/platform/user/testing.ts';
import { startNetwork } from '#services/testing.ts';

let network: Network;
let staff: Person;

beforeAll(async () => {
  network = await startNetwork([
    'platform.user',
    'platform.audit',
    'finance.risk',
    'finance.compliance',
    'finance.transaction',
    'finance.account',
  ]);
  staff = await network.person({ roles: ['staff'] });
});
afterAll(() => network.stop());

const accounts = () => network.client(AccountService, 'finance.account');

async function open(by: Pick<Person, 'headers'>, legalName: string, ownerId = '') {
  const kind = { accountType: AccountType.CHECKING, currencyCode: 'EUR' };
  const request = { requestId: uuidv7(), ownerId, ...kind, legalName, taxId: '12345' };
  return (await accounts().createAccount(request, by)).account!;
}

test('whoever is on a sanctions list gets the account, and moves nothing with it', async () => {
  const listed = await clientsOf(network).person();
  const { accountId, status } = await open(listed, 'Grigory Petrovich Vostrikov-Invented');
  expect(status).toBe(AccountStatus.ACTIVE);
  const other = await open(await clientsOf(network).person(), 'Ada Lovelace');
  const ledger = network.client(TransactionService, 'finance.transaction');
  const deposit = (destinationAccountId: string) =>
    ledger.executeTransaction(
      {
        requestId: uuidv7(),
        type: TransactionType.DEPOSIT,
        destinationAccountId,
        amount: { currencyCode: 'EUR', amountMinor: 100n },
      },
      staff,
    );
  await deposit(other.accountId);
  await expect(deposit(accountId)).rejects.toMatchObject({ reason: 'TRANSACTION_DENIED' });
  const compliance = network.client(ComplianceService, 'finance.compliance');
  const { cases } = await compliance.listCases({ ownerId: listed.id }, staff);
  expect(cases.map(({ typology }) => typology)).toContain(Typology.SANCTIONS);
});

test('who was suspended gets no account, and nor does somebody whom nobody knows', async () => {
  const { id } = await clientsOf(network).person();
  const users = network.client(UserService, 'platform.user');
  await users.suspendUser({ requestId: uuidv7(), userId: id, reason: 'an inquiry' }, staff);
  await expect(open(staff, 'Ada Lovelace', id)).rejects.toMatchObject({
    reason: 'OWNER_NOT_ACTIVE',
    metadata: { owner_id: id },
  });
  const nobody = uuidv7();
  await expect(open(staff, 'Ada Lovelace', nobody)).rejects.toMatchObject({
    reason: 'OWNER_NOT_FOUND',
    metadata: { owner_id: nobody },
  });
});
