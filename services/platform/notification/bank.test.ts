import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { TransactionType } from '#gen/finance/transaction/v1/verdict_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import { type Bank, startBank } from '#services/finance/transaction/testing.ts';
import { personOf } from './testing.ts';

let bank: Bank;
let ann: Awaited<ReturnType<typeof personOf>>;
let bob: Awaited<ReturnType<typeof personOf>>;
let a: string;
let b: string;

beforeAll(async () => {
  bank = await startBank({ services: ['platform.notification'] });
});
beforeEach(async () => {
  bank.risk.decide = () => 'ALLOW';
  [ann, bob] = [await personOf(bank.network), await personOf(bank.network)];
  [a, b] = [await bank.ledger.open(ann.id), await bank.ledger.open(bob.id)];
  await bank.ledger.transfer(await bank.ledger.open(uuidv7(), 500_000n), a, 500_000n);
  await bank.network.settle();
});
afterAll(() => bank.stop());

const transfer = (amountMinor: bigint) => bank.ledger.transfer(a, b, amountMinor);

describe('people are told', () => {
  test('what has left and reached their accounts, with the amount', async () => {
    const { transaction } = await transfer(2_500n);
    await bank.network.settle();
    expect((await ann.list())[0]).toMatchObject({
      title: 'Money sent',
      body: '€25.00 has left your account.',
      subjectId: transaction!.transactionId,
      parameters: { account_id: a, direction: 'out' },
    });
    expect(await bob.list()).toMatchObject([
      { title: 'Money received', parameters: { account_id: b, direction: 'in' } },
    ]);
    expect(await ann.titles()).toEqual(['Money sent', 'Money received']);
  });

  test('of a large payment in words of its own', async () => {
    await transfer(100_000n);
    await bank.network.settle();
    expect(await ann.titles()).toEqual(['Large payment', 'Money received']);
    expect(await bob.titles()).toEqual(['Money received']);
  });

  test('once of what they move between accounts of their own', async () => {
    const savings = await bank.ledger.open(ann.id);
    await bank.ledger.transfer(a, savings, 5n);
    await bank.network.settle();
    expect(await ann.titles()).toEqual(['Money sent', 'Money received']);
  });

  test('why a payment was not carried out, but not what the bank thinks of it', async () => {
    await expect(transfer(500_001n)).rejects.toThrow();
    bank.risk.decide = () => ({
      action: 3,
      findings: [{ ruleId: 'r', action: 3, explanation: 'suspected of something' }],
    });
    await expect(transfer(1n)).rejects.toThrow();
    await bank.network.settle();
    const [denied, short] = await ann.list();
    expect(short!.body).toContain('there was not enough money');
    expect(denied!.body).toContain('the bank did not approve it');
    for (const { title, body, parameters } of [denied!, short!]) {
      expect(JSON.stringify([title, body, parameters])).not.toContain('suspected');
    }
    expect(await bob.list()).toEqual([]);
  });

  test('each time that their account is frozen, and of no other change of its status', async () => {
    const statuses = ['FROZEN', 'FROZEN', 'ACTIVE', 'FROZEN', 'ACTIVE'] as const;
    for (const status of statuses) await bank.ledger.setStatus(b, status);
    await bank.network.settle();
    expect(await bob.list()).toMatchObject(
      Array(2).fill({ title: 'Account frozen', parameters: { account_id: b } }),
    );
    expect(await ann.titles()).toEqual(['Money received']);
  });

  test('that a payment is being checked, and then that it was sent', async () => {
    bank.risk.decide = ({ type }) => (type === TransactionType.TRANSFER ? 'REVIEW' : 'ALLOW');
    const { transaction } = await transfer(700n);
    await bank.network.settle();
    expect((await ann.titles())[0]).toBe('Payment being checked');
    expect(await bob.titles()).toEqual([]);
    const { transactionId } = transaction!;
    const analyst = await bank.network.person({ roles: ['staff'] });
    const approval = { requestId: uuidv7(), transactionId, approves: true, note: 'fine' };
    await bank.ledger.people.reviewTransaction(approval, { headers: analyst.headers });
    await bank.network.settle();
    expect((await ann.titles())[0]).toBe('Money sent');
    expect(await bob.titles()).toEqual(['Money received']);
  });
});
