import { afterAll, beforeAll, expect, test } from 'vitest';
import { ComplianceService, Typology } from '#gen/finance/compliance/v1/compliance_pb.ts';
import {
  Awaiting,
  TransactionService,
  TransactionStatus,
} from '#gen/finance/transaction/v1/transaction_pb.ts';
import {
  AccountType,
  TransactionType,
  VerdictAction,
} from '#gen/finance/transaction/v1/verdict_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Network, Person } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';

let network: Network;
let staff: Person;

beforeAll(async () => {
  network = await startNetwork(['finance.compliance', 'finance.risk', 'finance.transaction']);
  staff = await network.person({ roles: ['staff'] });
});
afterAll(() => network.stop());

const ledger = (service?: string) =>
  network.client(
    TransactionService,
    'finance.transaction',
    service === undefined ? {} : { service },
  );

async function openAccount(ownerId: string): Promise<string> {
  const accountId = uuidv7();
  const { CHECKING } = AccountType;
  const account = { accountId, ownerId, accountType: CHECKING, currencyCode: 'EUR' };
  await ledger('finance.account').openLedgerAccount({ requestId: uuidv7(), ...account });
  return accountId;
}

async function execute(by: Person, wanted: object) {
  const request = { requestId: uuidv7(), ...wanted };
  const { transaction } = await ledger().executeTransaction(request, { headers: by.headers });
  await network.settle();
  return transaction!;
}

const euros = (amount: bigint) => ({ currencyCode: 'EUR', amountMinor: amount * 100n });

test('what the ledger posts is what the next check knows, and what it stops waits for review', async () => {
  const [ada, bob] = [await network.person(), await network.person()];
  const [from, to] = [await openAccount(ada.id), await openAccount(bob.id)];
  const { DEPOSIT, TRANSFER } = TransactionType;
  for (let i = 0; i < 3; i += 1) {
    const cash = { type: DEPOSIT, destinationAccountId: from, amount: euros(9_500n) };
    const { status } = await execute(staff, cash);
    expect(status).toBe(TransactionStatus.COMPLETED);
  }
  const compliance = network.client(ComplianceService, 'finance.compliance');
  const listed = async (typology: Typology) =>
    (await compliance.listCases({ ownerId: ada.id, typology }, { headers: staff.headers })).cases;
  expect(await listed(Typology.STRUCTURING)).toMatchObject([{ evidenceCount: 1 }]);
  const transfer = {
    type: TRANSFER,
    sourceAccountId: from,
    destinationAccountId: to,
    amount: euros(9_100n),
  };
  for (let i = 0; i < 2; i += 1) {
    expect((await execute(ada, transfer)).status).toBe(TransactionStatus.COMPLETED);
  }
  const parked = await execute(ada, transfer);
  expect(parked).toMatchObject({
    status: TransactionStatus.PENDING,
    awaits: Awaiting.REVIEW,
  });
  const { transactionId } = parked;
  const { transaction } = await ledger().getTransaction(
    { transactionId },
    { headers: staff.headers },
  );
  expect(transaction!.complianceVerdict).toMatchObject({ action: VerdictAction.REVIEW });
  const found = transaction!.complianceVerdict!.findings.map(({ explanation }) => explanation);
  expect(found).toContain('3 outgoing amounts between 9,000.00 and 9,999.99 EUR within 48 h');
  expect(await listed(Typology.RAPID_MOVEMENT)).toMatchObject([{ evidenceCount: 1 }]);
});
