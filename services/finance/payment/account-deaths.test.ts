import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { PaymentStatus } from '#gen/finance/payment/v1/payment_pb.ts';
import { armDebugPoint } from '#kit/debug.ts';
import { uuidv7 } from '#kit/ids.ts';
import { brokenInvariants } from '../transaction/invariants.ts';
import { type PaidBank, startPaidBank } from './testing.ts';

let bank: PaidBank;
let disarm = () => {};

beforeAll(async () => {
  bank = await startPaidBank();
});
afterEach(async () => {
  disarm();
  await bank.paid.settle();
  expect(await brokenInvariants(bank.paid.network.sql)).toEqual([]);
  const contradictions = await bank.paid.network.sql`
    select from finance_payment.provider_fact where verdict in ('ILLEGAL', 'WAITING')`;
  expect(contradictions).toHaveLength(0);
});
afterAll(() => bank.stop());

/** Whoever comes to this point fails there and gets no further, until `disarm`. */
function failAt(point: string): void {
  disarm = armDebugPoint(point, () => {
    throw new Error('failed');
  });
}

/** Nobody fails any more, and nobody waits out the pause between two tries. */
async function recover(): Promise<void> {
  disarm();
  bank.paid.network.clock.advance({ seconds: 10 });
  await bank.paid.settle();
}

const payments = () => bank.paid.payments();
const balance = (accountId: string) => bank.ledger.balance(accountId);
const paymentOf = (orderId: string) => bank.paid.paymentOf(orderId);
const { CAPTURED, AUTHORIZED, VOIDED, REFUNDED } = PaymentStatus;

/** How many transactions of the ledger begin at an account, or end there. */
async function countOf(accountId: string): Promise<number> {
  const rows = await bank.paid.network.sql`
    select from finance_transaction.transaction
    where type = 'PAYMENT' and ${accountId} in (source_id, destination_id)`;
  return rows.length;
}

const payment = (where: string) => `finance.payment.${where}`;
const inLedger = 'finance.transaction.before-commit';

describe('a driver that fails', () => {
  test.each([
    payment('before-charge'),
    payment('after-hold'),
    payment('after-charge'),
    payment('after-record'),
    payment('before-commit'),
    inLedger,
  ])('at %s leaves a charge that is made once', async (where) => {
    const customer = await bank.customer(5_000n);
    const asked = bank.asked(customer, 1_000n);
    failAt(where);
    await expect(payments().processPayment(asked, { timeoutMs: 1_000 })).rejects.toThrow();
    await recover();
    const { payment: paid } = await payments().processPayment(asked);
    expect(paid!.status).toBe(CAPTURED);
    expect(await balance(customer.accountId)).toMatchObject({ posted: 4_000n, held: 0n });
    expect(await countOf(customer.accountId)).toBe(1);
  });

  test.each([payment('before-authorize'), payment('after-authorize'), inLedger])(
    'at %s leaves one hold',
    async (where) => {
      const customer = await bank.customer(5_000n);
      const asked = bank.asked(customer, 1_000n);
      failAt(where);
      await expect(payments().authorizePayment(asked, { timeoutMs: 1_000 })).rejects.toThrow();
      await recover();
      expect((await paymentOf(asked.orderId)).status).toBe(AUTHORIZED);
      expect(await balance(customer.accountId)).toMatchObject({ posted: 5_000n, held: 1_000n });
    },
  );

  test.each([payment('before-charge'), payment('after-hold'), payment('after-charge')])(
    'at %s, and whose order is voided meanwhile, leaves nothing taken',
    async (where) => {
      const customer = await bank.customer(5_000n);
      const asked = bank.asked(customer, 1_000n);
      failAt(where);
      await expect(payments().processPayment(asked, { timeoutMs: 1_000 })).rejects.toThrow();
      await payments().voidPayment({ requestId: uuidv7(), orderId: asked.orderId });
      await recover();
      const isCaptured = where.endsWith('after-charge');
      expect((await paymentOf(asked.orderId)).status).toBe(isCaptured ? REFUNDED : VOIDED);
      expect(await balance(customer.accountId)).toMatchObject({ posted: 5_000n, held: 0n });
    },
  );

  test.each([payment('before-bar'), payment('before-void'), payment('after-void'), inLedger])(
    'at %s of a void that comes before its payment is known to the ledger bars that',
    async (where) => {
      const customer = await bank.customer(5_000n);
      const asked = bank.asked(customer, 1_000n);
      failAt(payment('before-charge'));
      await expect(payments().processPayment(asked)).rejects.toThrow();
      disarm();
      failAt(where);
      await payments().voidPayment({ requestId: uuidv7(), orderId: asked.orderId });
      await recover();
      expect((await paymentOf(asked.orderId)).status).toBe(VOIDED);
      expect(await countOf(customer.accountId)).toBe(0);
    },
  );

  test.each([payment('before-capture'), payment('after-capture'), inLedger])(
    'at %s leaves a capture that is made once',
    async (where) => {
      const customer = await bank.customer(5_000n);
      const asked = bank.asked(customer, 1_000n);
      const { paymentId } = (await payments().authorizePayment(asked)).payment!;
      failAt(where);
      const request = { requestId: uuidv7(), paymentId, amountMinor: 400n };
      await expect(payments().capturePayment(request, { timeoutMs: 1_000 })).rejects.toThrow();
      await recover();
      expect((await payments().capturePayment(request)).payment!.capturedMinor).toBe(400n);
      expect(await balance(customer.accountId)).toMatchObject({ posted: 4_600n, held: 0n });
    },
  );

  test.each([payment('before-release'), payment('after-capture')])(
    'at %s of a capture that the ledger refuses leaves nothing held',
    async (where) => {
      const customer = await bank.customer(5_000n);
      const asked = bank.asked(customer, 1_000n);
      const { paymentId } = (await payments().authorizePayment(asked)).payment!;
      await bank.ledger.setStatus(customer.accountId, 'FROZEN');
      failAt(where);
      const request = { requestId: uuidv7(), paymentId };
      await expect(payments().capturePayment(request, { timeoutMs: 1_000 })).rejects.toThrow();
      await recover();
      expect((await paymentOf(asked.orderId)).status).toBe(VOIDED);
      expect(await balance(customer.accountId)).toMatchObject({ posted: 5_000n, held: 0n });
    },
  );

  test.each([payment('before-refund'), payment('after-refund'), inLedger])(
    'at %s leaves a refund that is made once',
    async (where) => {
      const customer = await bank.customer(5_000n);
      const { paymentId } = (await payments().processPayment(bank.asked(customer, 1_000n)))
        .payment!;
      failAt(where);
      const request = { requestId: uuidv7(), paymentId, amountMinor: 300n };
      await expect(payments().refundPayment(request, { timeoutMs: 1_000 })).rejects.toThrow();
      await recover();
      const { payment: paid } = await payments().refundPayment(request);
      expect(paid!.refundConfirmedMinor).toBe(300n);
      expect(await balance(customer.accountId)).toMatchObject({ posted: 4_300n, held: 0n });
      expect(await countOf(customer.accountId)).toBe(2);
    },
  );
});
