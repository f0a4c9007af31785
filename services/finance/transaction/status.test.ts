import { fromBinary } from '@bufbuild/protobuf';
import { afterAll, afterEach, beforeAll, expect, inject, test } from 'vitest';
import {
  LedgerAccountStatus,
  type LedgerAccountStatusChanged,
  LedgerAccountStatusChangedSchema,
} from '#gen/finance/transaction/v1/transaction_pb.ts';
import { type Bus, connectBus } from '#kit/bus/bus.ts';
import { armDebugPoint } from '#kit/debug.ts';
import { uuidv7 } from '#kit/ids.ts';
import { killTransactions } from '#kit/testing/deaths.ts';
import { type Bank, startBank } from './testing.ts';

let bank: Bank;
let bus: Bus;
let disarm = () => {};
const heard: LedgerAccountStatusChanged[] = [];

beforeAll(async () => {
  bank = await startBank();
  // A network names its database and its part of the bus alike.
  const namespace = new URL(bank.network.databaseUrl).pathname.slice(1);
  bus = await connectBus({ url: inject('servers').natsUrl, namespace, name: 'test' });
  bus.listen(LedgerAccountStatusChangedSchema.typeName, (payload) =>
    heard.push(fromBinary(LedgerAccountStatusChangedSchema, payload)),
  );
  // Whatever is published after the server has answered is heard.
  await bus.check();
});
afterEach(() => disarm());
afterAll(async () => {
  await bus.close();
  await bank.stop();
});

/** What was told of an account, in order. */
async function toldOf(account: string) {
  await bank.network.settle();
  // What the bus delivered before this answer has been heard.
  await bus.check();
  return heard.filter(({ accountId }) => accountId === account);
}

test('each change of a status is told once, with whose account it is; what changes nothing is not', async () => {
  const ownerId = uuidv7();
  const account = await bank.ledger.open(ownerId, 5n);
  const other = await bank.ledger.open(ownerId);
  expect(await toldOf(account)).toEqual([]);
  await bank.ledger.setStatus(account, 'FROZEN');
  await bank.ledger.setStatus(account, 'FROZEN');
  await bank.ledger.setStatus(account, 'ACTIVE');
  await expect(bank.ledger.setStatus(account, 'CLOSED')).rejects.toMatchObject({
    reason: 'ACCOUNT_NOT_EMPTY',
  });
  await bank.ledger.transfer(account, other, 5n);
  await bank.ledger.setStatus(account, 'CLOSED');
  const told = { ownerId, currencyCode: 'EUR' };
  expect(await toldOf(account)).toMatchObject([
    { ...told, status: LedgerAccountStatus.FROZEN },
    { ...told, status: LedgerAccountStatus.ACTIVE },
    { ...told, status: LedgerAccountStatus.CLOSED },
  ]);
  expect(await toldOf(other)).toEqual([]);
});

test('a freeze that dies before its commit is neither done nor told', async () => {
  const account = await bank.ledger.open(uuidv7());
  disarm = armDebugPoint('finance.transaction.before-commit', () => {
    disarm();
    return killTransactions(bank.network.sql, 'finance.transaction');
  });
  await expect(bank.ledger.setStatus(account, 'FROZEN')).rejects.toMatchObject({
    code: 'aborted',
  });
  expect(await toldOf(account)).toEqual([]);
  await bank.ledger.setStatus(account, 'FROZEN');
  expect(await toldOf(account)).toHaveLength(1);
});
