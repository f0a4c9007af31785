import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { PaymentMethod, PaymentStatus } from '#gen/finance/payment/v1/payment_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import { joinMsMax } from '#kit/testing/meet.ts';
import { systemAccountId } from '../transaction/domain/system.ts';
import { brokenInvariants } from '../transaction/invariants.ts';
import { cardsAccountId, shopAccountId } from './domain/books.ts';
import { limits } from './domain.ts';
import { type PaidBank, startPaidBank } from './testing.ts';

let bank: PaidBank;

beforeAll(async () => {
  bank = await startPaidBank();
});
afterEach(async () => {
  bank.risk.decide = () => 'ALLOW';
  bank.compliance.decide = () => 'ALLOW';
  expect(await brokenInvariants(bank.paid.network.sql)).toEqual([]);
});
afterAll(async () => {
  await bank.paid.expectBalanced();
  await bank.stop();
});

/** Of waiting for what is done in the background, on a busy machine. */
const patient = { timeout: joinMsMax };
const payments = () => bank.paid.payments();
const { CAPTURED, DECLINED, AUTHORIZED, VOIDED, REFUNDED, PROCESSING } = PaymentStatus;
const shop = shopAccountId('EUR');
const statusOf = async (orderId: string) => (await bank.paid.paymentOf(orderId)).status;
const balance = (accountId: string) => bank.ledger.balance(accountId);

/** Asks, and does not wait for an outcome that somebody has to decide. */
async function begin(
  asked: ReturnType<PaidBank['asked']>,
  how: 'process' | 'authorize' = 'process',
) {
  const { processPayment, authorizePayment } = payments();
  const ask = how === 'process' ? processPayment : authorizePayment;
  await expect(ask(asked, { timeoutMs: 600 })).rejects.toThrow();
  expect(await statusOf(asked.orderId)).toBe(PROCESSING);
}

test('the accounts of the system are those of the ledger', () => {
  expect(shop).toBe(systemAccountId('SHOP', 'EUR'));
  expect(cardsAccountId('JPY')).toBe(systemAccountId('CARDS', 'JPY'));
});

describe('an account', () => {
  test('pays the shop, and is given back', async () => {
    const customer = await bank.customer(5_000n);
    const before = await balance(shop);
    const asked = bank.asked(customer, 1_999n);
    const { payment } = await payments().processPayment(asked);
    expect(payment).toMatchObject({
      status: CAPTURED,
      method: PaymentMethod.ACCOUNT,
      account: { accountId: customer.accountId, payeeAccountId: shop },
      authorizedMinor: 1_999n,
      capturedMinor: 1_999n,
    });
    expect(await balance(customer.accountId)).toMatchObject({ posted: 3_001n, held: 0n });
    expect((await balance(shop)).posted).toBe(before.posted + 1_999n);
    expect(await payments().processPayment(asked)).toMatchObject({ payment });
    // Judged as what the customer asked for, and not as a service's own.
    expect(bank.risk.asked.at(-1)).toMatchObject({ initiatorId: asked.userId });
    await payments().voidPayment({ requestId: uuidv7(), orderId: asked.orderId });
    await expect.poll(() => statusOf(asked.orderId), patient).toBe(REFUNDED);
    expect(await balance(customer.accountId)).toMatchObject({ posted: 5_000n, held: 0n });
  });

  test('pays a merchant, who gives back parts and no more than there is', async () => {
    const customer = await bank.customer(1_000n);
    const merchant = await bank.customer(0n);
    const asked = bank.asked(customer, 900n, { payeeAccountId: merchant.accountId });
    const { payment } = await payments().processPayment(asked);
    expect((await balance(merchant.accountId)).posted).toBe(900n);
    const { paymentId } = payment!;
    const refund = (amountMinor: bigint) =>
      payments().refundPayment({ requestId: uuidv7(), paymentId, amountMinor });
    expect((await refund(300n)).payment).toMatchObject({ refundConfirmedMinor: 300n });
    await expect(refund(601n)).rejects.toMatchObject({ reason: 'REFUND_TOO_LARGE' });
    await bank.ledger.transfer(merchant.accountId, customer.accountId, 500n);
    await expect(refund(200n)).rejects.toMatchObject({
      reason: 'REFUND_REFUSED',
      metadata: { code: 'insufficient_funds' },
    });
    expect((await refund(100n)).payment).toMatchObject({ refundConfirmedMinor: 400n });
    expect((await balance(customer.accountId)).posted).toBe(1_000n);
  });

  test('is captured in part, once, and the rest is given free', async () => {
    const customer = await bank.customer(1_000n);
    const { payment } = await payments().authorizePayment(bank.asked(customer, 900n));
    expect(payment).toMatchObject({ status: AUTHORIZED, authorizedMinor: 900n });
    expect(await balance(customer.accountId)).toMatchObject({ posted: 1_000n, held: 900n });
    const { paymentId } = payment!;
    const tooMuch = { requestId: uuidv7(), paymentId, amountMinor: 901n };
    await expect(payments().capturePayment(tooMuch)).rejects.toMatchObject({
      reason: 'CAPTURE_TOO_LARGE',
    });
    const request = { requestId: uuidv7(), paymentId, amountMinor: 400n };
    const first = await payments().capturePayment(request);
    expect(first.payment).toMatchObject({ status: CAPTURED, capturedMinor: 400n });
    expect(await payments().capturePayment(request)).toEqual(first);
    await expect(
      payments().capturePayment({ requestId: uuidv7(), paymentId }),
    ).rejects.toMatchObject({ reason: 'PAYMENT_NOT_AUTHORIZED' });
    expect(await balance(customer.accountId)).toMatchObject({ posted: 600n, held: 0n });
    await payments().refundPayment({ requestId: uuidv7(), paymentId });
    expect((await balance(customer.accountId)).posted).toBe(1_000n);
  });

  test('that was authorized is set free by a void', async () => {
    const customer = await bank.customer(1_000n);
    const asked = bank.asked(customer, 900n);
    await payments().authorizePayment(asked);
    await payments().voidPayment({ requestId: uuidv7(), orderId: asked.orderId });
    await expect.poll(() => statusOf(asked.orderId), patient).toBe(VOIDED);
    expect(await balance(customer.accountId)).toMatchObject({ posted: 1_000n, held: 0n });
  });

  test('whose hold runs out leaves a voided payment', async () => {
    const customer = await bank.customer(1_000n);
    const asked = bank.asked(customer, 900n);
    const { payment } = await payments().authorizePayment(asked);
    bank.paid.network.clock.advance({ seconds: limits.holdSeconds + 1 });
    await bank.paid.settle();
    expect(await statusOf(asked.orderId)).toBe(VOIDED);
    expect((await balance(customer.accountId)).held).toBe(0n);
    const { paymentId } = payment!;
    await expect(
      payments().capturePayment({ requestId: uuidv7(), paymentId }),
    ).rejects.toMatchObject({ reason: 'PAYMENT_NOT_AUTHORIZED', metadata: { status: 'VOIDED' } });
  });

  test('that is frozen between hold and capture is declined, and nothing stays held', async () => {
    const customer = await bank.customer(1_000n);
    const asked = bank.asked(customer, 900n);
    const { payment } = await payments().authorizePayment(asked);
    await bank.ledger.setStatus(customer.accountId, 'FROZEN');
    const { paymentId } = payment!;
    await expect(
      payments().capturePayment({ requestId: uuidv7(), paymentId }),
    ).rejects.toMatchObject({ reason: 'PAYMENT_NOT_AUTHORIZED', metadata: { status: 'VOIDED' } });
    expect(await balance(customer.accountId)).toMatchObject({ posted: 1_000n, held: 0n });
  });

  test('and a request id that was used for another amount is refused', async () => {
    const customer = await bank.customer();
    const asked = bank.asked(customer, 100n);
    await payments().processPayment(asked);
    const other = { ...asked, amount: { currencyCode: 'EUR', amountMinor: 101n } };
    await expect(payments().processPayment(other)).rejects.toMatchObject({
      reason: 'REQUEST_ID_REUSED',
    });
    expect((await balance(customer.accountId)).posted).toBe(4_900n);
  });

  test('and a card together are refused, and so is neither', async () => {
    const { account, ...rest } = bank.asked(await bank.customer());
    for (const pay of [payments().processPayment, payments().authorizePayment]) {
      for (const request of [rest, { ...rest, account, paymentToken: 'tok_visa' }]) {
        await expect(pay(request)).rejects.toMatchObject({ reason: 'FIELD_INVALID' });
      }
    }
  });
});

describe('a payment is declined', () => {
  const declined = async (asked: ReturnType<PaidBank['asked']>, declineCode: string) => {
    const { payment } = await payments().processPayment(asked);
    expect(payment).toMatchObject({ status: DECLINED, declineCode, capturedMinor: 0n });
    const again = bank.asked(
      { ...asked, accountId: asked.account.accountId! },
      asked.amount.amountMinor,
    );
    const held = await payments().authorizePayment({ ...again, amount: asked.amount });
    expect(held.payment).toMatchObject({ status: DECLINED, declineCode });
  };

  test('where too little is on the account', async () => {
    await declined(bank.asked(await bank.customer(100n), 101n), 'insufficient_funds');
  });

  test('where the account is frozen, and where it is closed', async () => {
    const customer = await bank.customer(0n);
    await bank.ledger.setStatus(customer.accountId, 'FROZEN');
    await declined(bank.asked(customer), 'account_frozen');
    await bank.ledger.setStatus(customer.accountId, 'CLOSED');
    await declined(bank.asked(customer), 'account_closed');
  });

  test('where the account is somebody else’s, nobody’s or the system’s, all alike', async () => {
    const [customer, other] = [await bank.customer(), await bank.customer()];
    for (const accountId of [other.accountId, uuidv7(), shop]) {
      await declined(bank.asked({ ...customer, accountId }), 'account_not_found');
    }
    expect((await balance(other.accountId)).posted).toBe(5_000n);
  });

  test('where nobody is there to be paid', async () => {
    const account = { payeeAccountId: uuidv7() };
    const { payment } = await payments().processPayment(
      bank.asked(await bank.customer(), 100n, account),
    );
    expect(payment).toMatchObject({ status: DECLINED, declineCode: 'account_not_found' });
  });

  test('where the account is of another currency', async () => {
    const asked = bank.asked(await bank.customer());
    const amount = { currencyCode: 'CHF', amountMinor: 10n };
    await declined({ ...asked, amount }, 'currency_mismatch');
  });

  test.each(['risk', 'compliance'] as const)('where %s denies it', async (judge) => {
    const customer = await bank.customer();
    bank[judge].decide = () => 'DENY';
    await declined(bank.asked(customer), 'transaction_denied');
    expect(await balance(customer.accountId)).toMatchObject({ posted: 5_000n, held: 0n });
  });
});

describe('while no judge answers', () => {
  test('the outcome is unknown, and the money moves once when one does', async () => {
    const customer = await bank.customer();
    bank.risk.decide = () => new Error('silent');
    const asked = bank.asked(customer, 1_000n);
    await begin(asked);
    expect(await balance(customer.accountId)).toMatchObject({ posted: 5_000n, held: 0n });
    bank.risk.decide = () => 'ALLOW';
    await bank.paid.settle();
    const { payment } = await payments().processPayment(asked);
    expect(payment!.status).toBe(CAPTURED);
    expect(await balance(customer.accountId)).toMatchObject({ posted: 4_000n, held: 0n });
  });
});

describe('what is to be reviewed', () => {
  const customerInReview = async () => {
    const customer = await bank.customer(5_000n);
    bank.compliance.decide = () => 'REVIEW';
    return customer;
  };
  const beginReview = async (
    asked: ReturnType<PaidBank['asked']>,
    how?: 'process' | 'authorize',
  ) => {
    await begin(asked, how);
    const { accountId } = asked.account;
    await expect.poll(() => bank.waitingFor(accountId!), patient).toBeDefined();
  };

  test.each([
    ['process', true, CAPTURED, { posted: 4_000n, held: 0n }],
    ['process', false, DECLINED, { posted: 5_000n, held: 0n }],
    ['authorize', true, AUTHORIZED, { posted: 5_000n, held: 1_000n }],
    ['authorize', false, DECLINED, { posted: 5_000n, held: 0n }],
  ] as const)('%s, approved: %s', async (how, approves, status, left) => {
    const customer = await customerInReview();
    const asked = bank.asked(customer, 1_000n);
    await beginReview(asked, how);
    expect(await balance(customer.accountId)).toMatchObject({ posted: 5_000n, held: 1_000n });
    await bank.review(customer.accountId, approves);
    await expect.poll(() => statusOf(asked.orderId), patient).toBe(status);
    expect(await balance(customer.accountId)).toMatchObject(left);
    const payment = await bank.paid.paymentOf(asked.orderId);
    expect(payment.declineCode).toBe(approves ? '' : 'rejected');
  });

  test('is heard of at once, however long the pause between two looks', async () => {
    const customer = await customerInReview();
    const asked = bank.asked(customer, 1_000n);
    await beginReview(asked);
    // In nobody's hands, and not to be looked at for long.
    const rest = () => bank.paid.network.sql`
      update finance_payment.payment set due_at = now() + interval '30 days'
      where order_id = ${asked.orderId} and leased_until is null`;
    await expect.poll(async () => (await rest()).count, patient).toBe(1);
    await bank.review(customer.accountId, true);
    await expect.poll(() => statusOf(asked.orderId), patient).toBe(CAPTURED);
  });

  test.each(['process', 'authorize'] as const)('is given free by a void: %s', async (how) => {
    const customer = await customerInReview();
    const asked = bank.asked(customer, 1_000n);
    await beginReview(asked, how);
    await payments().voidPayment({ requestId: uuidv7(), orderId: asked.orderId });
    await expect.poll(() => statusOf(asked.orderId), patient).toBe(VOIDED);
    expect(await balance(customer.accountId)).toMatchObject({ posted: 5_000n, held: 0n });
  });

  test('and is not in time, is declined', async () => {
    const customer = await customerInReview();
    const asked = bank.asked(customer, 1_000n);
    await beginReview(asked);
    bank.paid.network.clock.advance({ days: 8 });
    await bank.paid.settle();
    expect(await bank.paid.paymentOf(asked.orderId)).toMatchObject({
      status: DECLINED,
      declineCode: 'expired',
    });
  });

  test.each([true, false])('as a refund, approved: %s', async (approves) => {
    const customer = await bank.customer(5_000n);
    const asked = bank.asked(customer, 1_000n);
    const { payment } = await payments().processPayment(asked);
    bank.compliance.decide = () => 'REVIEW';
    const request = { requestId: uuidv7(), paymentId: payment!.paymentId, amountMinor: 400n };
    await expect(payments().refundPayment(request, { timeoutMs: 600 })).rejects.toThrow();
    await expect.poll(() => bank.waitingFor(customer.accountId), patient).toBeDefined();
    await bank.review(customer.accountId, approves);
    const refunded = payments().refundPayment(request);
    if (approves) {
      expect((await refunded).payment).toMatchObject({ refundConfirmedMinor: 400n });
    } else {
      const refused = { reason: 'REFUND_REFUSED', metadata: { code: 'rejected' } };
      await expect(refunded).rejects.toMatchObject(refused);
    }
    const posted = approves ? 4_400n : 4_000n;
    expect(await balance(customer.accountId)).toMatchObject({ posted });
  });
});
