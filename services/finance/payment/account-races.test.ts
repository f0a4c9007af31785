import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { PaymentStatus } from '#gen/finance/payment/v1/payment_pb.ts';
import { TransactionStatus } from '#gen/finance/transaction/v1/transaction_pb.ts';
import { armDebugPoint } from '#kit/debug.ts';
import { uuidv7 } from '#kit/ids.ts';
import { tally, times } from '#kit/testing/crowd.ts';
import { holdAt } from '#kit/testing/hold.ts';
import { joinMsMax } from '#kit/testing/meet.ts';
import { brokenInvariants } from '../transaction/invariants.ts';
import { limits } from './domain.ts';
import { type AskedOfAccount, type PaidBank, startPaidBank } from './testing.ts';

let bank: PaidBank;
/** A second process of payments and ledger. */
let other: PaidBank;

beforeAll(async () => {
  bank = await startPaidBank();
  other = await startPaidBank({ joins: bank });
});
afterEach(async () => {
  expect(await brokenInvariants(bank.paid.network.sql)).toEqual([]);
});
afterAll(async () => {
  await other.stop();
  await bank.stop();
});

/** Of waiting for what is done in the background, on a busy machine. */
const patient = { timeout: joinMsMax };
const payments = (i: number) => [bank, other][i % 2]!.paid.payments();
const balance = (accountId: string) => bank.ledger.balance(accountId);
const paymentOf = (orderId: string) => bank.paid.paymentOf(orderId);
const settle = () => Promise.all([bank.paid.network.settle(), other.paid.network.settle()]);
const voided = (i: number, { orderId }: AskedOfAccount) =>
  payments(i).voidPayment({ requestId: uuidv7(), orderId });

/** Nothing of these orders stays with the shop or held, and each is at an end. */
async function expectUndone(asked: readonly AskedOfAccount[], balanceMinor: bigint): Promise<void> {
  await settle();
  const { VOIDED, REFUNDED, DECLINED } = PaymentStatus;
  for (const { orderId } of asked) {
    const { status, capturedMinor, refundConfirmedMinor } = await paymentOf(orderId);
    expect([VOIDED, REFUNDED, DECLINED]).toContain(status);
    expect(refundConfirmedMinor).toBe(capturedMinor);
  }
  for (const accountId of new Set(asked.map(({ account }) => account.accountId!))) {
    expect(await balance(accountId)).toMatchObject({ posted: balanceMinor, held: 0n });
  }
}

test('64 callers with one request, in two processes, pay once and hear one answer', async () => {
  const customer = await bank.customer(5_000n);
  const asked = bank.asked(customer, 1_000n);
  const results = await times(64, (i) => payments(i).processPayment(asked));
  expect(tally(results)).toEqual({ done: 64 });
  expect(await balance(customer.accountId)).toMatchObject({ posted: 4_000n, held: 0n });
});

test('64 payments of one account, in two processes, pay what is there and not more', async () => {
  const customer = await bank.customer(1_000n);
  const results = await times(64, (i) => payments(i).processPayment(bank.asked(customer, 30n)));
  const statuses = results.map((each) =>
    each.status === 'fulfilled' ? each.value.payment!.status : undefined,
  );
  expect(statuses.filter((status) => status === PaymentStatus.CAPTURED)).toHaveLength(33);
  expect(statuses.filter((status) => status === PaymentStatus.DECLINED)).toHaveLength(31);
  expect(await balance(customer.accountId)).toMatchObject({ posted: 10n, held: 0n });
});

test('40 captures and 40 refunds of one payment, in two processes, are one and its sum', async () => {
  const customer = await bank.customer(5_000n);
  const { payment } = await payments(0).authorizePayment(bank.asked(customer, 1_000n));
  const { paymentId } = payment!;
  const captures = await times(40, (i) =>
    payments(i).capturePayment({ requestId: uuidv7(), paymentId, amountMinor: 900n }),
  );
  expect(tally(captures).done).toBe(1);
  expect((await balance(customer.accountId)).posted).toBe(4_100n);
  const refunds = await times(40, (i) =>
    payments(i).refundPayment({ requestId: uuidv7(), paymentId, amountMinor: 50n }),
  );
  expect(tally(refunds)).toEqual({ done: 18, REFUND_TOO_LARGE: 22 });
  expect(await balance(customer.accountId)).toMatchObject({ posted: 5_000n, held: 0n });
});

describe('a void against', () => {
  test('its payment, in 40 races, leaves nothing taken and nothing held', async () => {
    const customer = await bank.customer(50_000n);
    const asked = Array.from({ length: 40 }, () => bank.asked(customer, 1_000n));
    await times<unknown>(80, (i) => {
      const request = asked[i >> 1]!;
      return i % 2 ? voided(i >> 1, request) : payments(i >> 2).processPayment(request);
    });
    await expectUndone(asked, 50_000n);
  });

  test('its capture, in 30 races, leaves nothing taken and nothing held', async () => {
    const customer = await bank.customer(50_000n);
    const asked = Array.from({ length: 30 }, () => bank.asked(customer, 1_000n));
    const held = await Promise.all(asked.map((each) => payments(0).authorizePayment(each)));
    await times<unknown>(60, (i) => {
      const { paymentId } = held[i >> 1]!.payment!;
      const request = { requestId: uuidv7(), paymentId };
      return i % 2 ? voided(i >> 1, asked[i >> 1]!) : payments(i >> 2).capturePayment(request);
    });
    await expectUndone(asked, 50_000n);
  });
});

describe('an authorization that arrives after its void', () => {
  /** The driver of one process sleeps before it asks the ledger, longer than its lease; the other voids. */
  test.each(['charge', 'authorize'] as const)('holds nothing: %s', async (step) => {
    const customer = await bank.customer(5_000n);
    const asked = bank.asked(customer, 1_000n);
    const sleeping = holdAt(`finance.payment.before-${step}`, 1);
    const { processPayment, authorizePayment } = payments(0);
    const paying = (step === 'charge' ? processPayment : authorizePayment)(asked);
    const refused = expect(paying).rejects.toMatchObject({ reason: 'PAYMENT_VOIDED' });
    await sleeping.reached;
    bank.paid.network.clock.advance({ milliseconds: limits.leaseMs + 1 });
    await voided(1, asked);
    const status = async () => (await paymentOf(asked.orderId)).status;
    await expect.poll(status, patient).toBe(PaymentStatus.VOIDED);
    sleeping.letGo();
    await refused;
    await expectUndone([asked], 5_000n);
    const { transactions } = await bank.ledger.people.listTransactions(
      { accountId: customer.accountId },
      bank.analyst,
    );
    expect(transactions.map(({ type }) => type)).toEqual([2]);
    const facts = await bank.paid.network.sql`
      select verdict from finance_payment.provider_fact
      join finance_payment.payment using (payment_id) where order_id = ${asked.orderId}`;
    expect(facts.map(({ verdict }) => verdict)).not.toContain('ILLEGAL');
  });

  test.each(['the authorization', 'the void'])(
    'and meets it in the ledger, where %s comes first, holds nothing',
    async (first) => {
      const customer = await bank.customer(5_000n);
      const asked = bank.asked(customer, 1_000n);
      const { sql } = bank.paid.network;
      // Both are past their look at what there is: the one is to hold, the other to bar it.
      const paying = holdAt('finance.payment.before-charge', 1);
      const barring = holdAt('finance.payment.before-bar', 1);
      const ended = payments(0)
        .processPayment(asked)
        .catch(() => {});
      await paying.reached;
      bank.paid.network.clock.advance({ milliseconds: limits.leaseMs + 1 });
      await voided(1, asked);
      await barring.reached;
      const arrived: (() => void)[] = [];
      const disarm = armDebugPoint(
        'finance.transaction.before-commit',
        () => new Promise((resolve) => arrived.push(() => resolve())),
      );
      onTestFinished(disarm);
      const [one, two] = first === 'the void' ? [barring, paying] : [paying, barring];
      one.letGo();
      await expect.poll(() => arrived.length, patient).toBe(1);
      two.letGo();
      await expect.poll(() => arrived.length, patient).toBe(2);
      arrived[0]!();
      const held = () => sql`
        select from finance_transaction.transaction where source_id = ${customer.accountId}`;
      const status = async () => (await paymentOf(asked.orderId)).status;
      if (first === 'the void') await expect.poll(status, patient).toBe(PaymentStatus.VOIDED);
      disarm();
      for (const letGo of arrived) letGo();
      await ended;
      await expectUndone([asked], 5_000n);
      if (first === 'the void') expect(await held()).toHaveLength(0);
    },
  );
});

test('an approval against a void, in 10 races, leaves nothing taken and nothing held', async () => {
  const customers = await Promise.all(Array.from({ length: 10 }, () => bank.customer(5_000n)));
  bank.risk.decide = () => 'REVIEW';
  const asked = customers.map((customer) => bank.asked(customer, 1_000n));
  await times(10, (i) => payments(i).processPayment(asked[i]!, { timeoutMs: 500 }));
  for (const { accountId } of customers) {
    await expect.poll(() => bank.waitingFor(accountId), patient).toBeDefined();
  }
  bank.risk.decide = () => 'ALLOW';
  const reviews = await times<unknown>(20, (i) => {
    const request = asked[i >> 1]!;
    return i % 2 ? voided(i >> 1, request) : bank.review(request.account.accountId!, true);
  });
  expect(tally(reviews).done).toBeGreaterThanOrEqual(10);
  await expectUndone(asked, 5_000n);
});

test('a hold is in the ledger once, whatever status it ends in', async () => {
  const customer = await bank.customer(5_000n);
  const asked = bank.asked(customer, 1_000n);
  await times(8, (i) => payments(i).authorizePayment(asked));
  const { transactions } = await bank.ledger.people.listTransactions(
    { accountId: customer.accountId },
    bank.analyst,
  );
  expect(transactions.map(({ status }) => status)).toEqual([
    TransactionStatus.PENDING,
    TransactionStatus.COMPLETED,
  ]);
});
