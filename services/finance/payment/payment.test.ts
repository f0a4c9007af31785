import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PaymentService, PaymentStatus } from '#gen/finance/payment/v1/payment_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import { limits } from './domain.ts';
import { type PaidNetwork, startPaidNetwork } from './sandbox/testing.ts';

let paid: PaidNetwork;

beforeAll(async () => {
  paid = await startPaidNetwork(['finance.payment']);
});
afterAll(async () => {
  await paid.expectBalanced();
  await paid.stop();
});

const payments = () => paid.payments();
const asked: PaidNetwork['asked'] = (...args) => paid.asked(...args);
const paymentOf: PaidNetwork['paymentOf'] = (orderId) => paid.paymentOf(orderId);

describe('a payment', () => {
  test('with a good card is captured in full', async () => {
    const request = asked();
    const { payment } = await payments().processPayment(request);
    expect(payment).toMatchObject({
      orderId: request.orderId,
      userId: request.userId,
      status: PaymentStatus.CAPTURED,
      authorizedMinor: 1999n,
      capturedMinor: 1999n,
      refundedMinor: 0n,
    });
    expect(await paymentOf(request.orderId)).toEqual(payment);
  });

  test.each(['insufficient_funds', 'expired_card', 'card_declined', 'unknown_token'])(
    'is declined with the code %s, as an answer and not an error',
    async (code) => {
      const { payment } = await payments().processPayment(asked(`tok_${code}`));
      expect(payment).toMatchObject({
        status: PaymentStatus.DECLINED,
        declineCode: code,
        capturedMinor: 0n,
      });
    },
  );

  test.each(['tok_timeout', 'tok_error', 'tok_lost', 'tok_error_before', 'tok_slow_900'])(
    'with %s, whose first call tells nothing, is charged once all the same',
    async (token) => {
      const request = asked(token);
      const { payment } = await payments().processPayment(request);
      expect(payment!.status).toBe(PaymentStatus.CAPTURED);
    },
  );

  test.each(['tok_twice', 'tok_event_first'])('with %s is captured once', async (token) => {
    const { payment } = await payments().processPayment(asked(token));
    expect(payment!.status).toBe(PaymentStatus.CAPTURED);
  });

  test('of nothing, of less, or of more than may be paid at once is refused', async () => {
    const largest = 1_000_000_000_000n;
    const { processPayment, authorizePayment } = payments();
    for (const pay of [processPayment, authorizePayment]) {
      for (const amountMinor of [0n, -1n, largest + 1n]) {
        await expect(pay(asked('tok_visa', amountMinor))).rejects.toMatchObject({
          code: 'invalid_argument',
          reason: 'FIELD_INVALID',
          violations: [{ field: 'amount' }],
        });
      }
      const { payment } = await pay(asked('tok_visa', largest));
      expect(payment!.authorizedMinor).toBe(largest);
    }
  });

  test('for an order that has one is refused, and refused again', async () => {
    const request = asked();
    await payments().processPayment(request);
    const second = { ...request, requestId: uuidv7() };
    for (const _ of [1, 2]) {
      await expect(payments().processPayment(second)).rejects.toMatchObject({
        code: 'already_exists',
        reason: 'PAYMENT_EXISTS',
        metadata: { order_id: request.orderId },
      });
    }
  });

  test('that was refused once is refused for the same reason, whatever became of the order since', async () => {
    const request = asked();
    const { orderId } = request;
    await payments().processPayment(request);
    const second = { ...request, requestId: uuidv7() };
    const refused = { code: 'already_exists', reason: 'PAYMENT_EXISTS' };
    await expect(payments().processPayment(second)).rejects.toMatchObject(refused);
    await payments().voidPayment({ requestId: uuidv7(), orderId });
    await paid.settle();
    await expect(payments().processPayment(second)).rejects.toMatchObject(refused);
    const fresh = { ...second, requestId: uuidv7() };
    await expect(payments().processPayment(fresh)).rejects.toMatchObject({
      reason: 'PAYMENT_VOIDED',
    });
    // The refusal was the answer of this id, so another order cannot be paid under it.
    const reused = { ...asked(), requestId: second.requestId };
    await expect(payments().processPayment(reused)).rejects.toMatchObject({
      reason: 'REQUEST_ID_REUSED',
    });
  });

  test('is seen by its owner, by staff and by the order service, and by nobody else', async () => {
    const owner = await paid.network.person();
    const request = { ...asked(), userId: owner.id };
    const { payment } = await payments().processPayment(request);
    const anybody = paid.network.client(PaymentService, 'finance.payment');
    const key = { case: 'paymentId' as const, value: payment!.paymentId };
    for (const person of [owner, await paid.network.person({ roles: ['staff'] })]) {
      const seen = await anybody.getPayment({ key }, { headers: person.headers });
      expect(seen.payment).toEqual(payment);
    }
    const stranger = await paid.network.person();
    const byOrder = { case: 'orderId' as const, value: request.orderId };
    const missing = { case: 'paymentId' as const, value: uuidv7() };
    const unpaid = { case: 'orderId' as const, value: uuidv7() };
    for (const hidden of [key, missing, byOrder, unpaid]) {
      await expect(
        anybody.getPayment({ key: hidden }, { headers: stranger.headers }),
      ).rejects.toMatchObject({
        code: 'not_found',
        reason: 'PAYMENT_NOT_FOUND',
        metadata: { [hidden.case === 'orderId' ? 'order_id' : 'payment_id']: hidden.value },
      });
    }
    await expect(anybody.processPayment(asked(), { headers: owner.headers })).rejects.toMatchObject(
      {
        code: 'permission_denied',
      },
    );
  });
});

test('an id in capitals is the same id', async () => {
  const request = asked('tok_visa', 1000n);
  const { orderId, userId } = request;
  const shouted = {
    ...request,
    requestId: request.requestId.toUpperCase(),
    orderId: orderId.toUpperCase(),
    userId: userId.toUpperCase(),
  };
  const { payment } = await payments().processPayment(shouted);
  const { paymentId } = payment!;
  expect(payment).toMatchObject({ orderId, userId });
  expect((await payments().processPayment(request)).payment).toEqual(payment);
  expect(await paymentOf(orderId.toUpperCase())).toEqual(payment);
  const key = { case: 'paymentId' as const, value: paymentId.toUpperCase() };
  expect((await payments().getPayment({ key })).payment).toEqual(payment);
  const refund = { requestId: uuidv7(), paymentId: paymentId.toUpperCase(), amountMinor: 1n };
  expect((await payments().refundPayment(refund)).payment!.paymentId).toBe(paymentId);
  const voiding = { requestId: uuidv7(), orderId: orderId.toUpperCase() };
  expect((await payments().voidPayment(voiding)).payment!.paymentId).toBe(paymentId);
  await paid.settle();
  expect((await paymentOf(orderId)).status).toBe(PaymentStatus.REFUNDED);
});

describe('a batch', () => {
  test('gives each payment its own outcome, in order', async () => {
    const tokens = ['tok_visa', 'tok_expired_card', 'tok_slow_4000', 'tok_visa'];
    const requests = tokens.map((token) => asked(token));
    const bad = { ...requests[0]!, requestId: uuidv7() };
    await payments().processPayment(requests[0]!);
    const { results } = await payments().batchProcessPayments({
      requests: [...requests, bad],
      settleMs: 1_500,
    });
    const found = results.map(({ outcome }) =>
      outcome.case === 'response' ? outcome.value.payment!.status : outcome.value?.code,
    );
    const { CAPTURED, DECLINED, PROCESSING } = PaymentStatus;
    expect(found).toEqual([CAPTURED, DECLINED, PROCESSING, CAPTURED, 6]);
    await paid.settle();
    const { payment } = await payments().processPayment(requests[2]!);
    expect(payment!.status).toBe(CAPTURED);
  });
});

describe('an authorization', () => {
  const authorized = async (token?: string) =>
    (await payments().authorizePayment(asked(token, 1000n))).payment!;

  test('is captured in part, once, and the same request has the same answer', async () => {
    const { paymentId, status } = await authorized();
    expect(status).toBe(PaymentStatus.AUTHORIZED);
    const request = { requestId: uuidv7(), paymentId, amountMinor: 400n };
    const first = await payments().capturePayment(request);
    expect(first.payment).toMatchObject({
      status: PaymentStatus.CAPTURED,
      authorizedMinor: 1000n,
      capturedMinor: 400n,
    });
    expect(await payments().capturePayment(request)).toEqual(first);
    await expect(
      payments().capturePayment({ ...request, requestId: uuidv7() }),
    ).rejects.toMatchObject({
      reason: 'PAYMENT_NOT_AUTHORIZED',
      metadata: { payment_id: paymentId, status: 'CAPTURED' },
    });
    await expect(payments().capturePayment({ ...request, amountMinor: 1n })).rejects.toMatchObject({
      reason: 'REQUEST_ID_REUSED',
    });
  });

  test('cannot be captured beyond what is held', async () => {
    const { paymentId } = await authorized();
    const request = { requestId: uuidv7(), paymentId, amountMinor: 1001n };
    await expect(payments().capturePayment(request)).rejects.toMatchObject({
      code: 'out_of_range',
      reason: 'CAPTURE_TOO_LARGE',
      metadata: { authorized_minor: '1000' },
    });
    const all = { requestId: uuidv7(), paymentId };
    const { payment } = await payments().capturePayment(all);
    expect(payment!.capturedMinor).toBe(1000n);
  });

  test('that is gone when it is captured leaves a voided payment', async () => {
    const { paymentId, orderId } = await authorized('tok_capture_declined');
    const request = { requestId: uuidv7(), paymentId };
    await expect(payments().capturePayment(request)).rejects.toMatchObject({
      reason: 'PAYMENT_NOT_AUTHORIZED',
      metadata: { status: 'VOIDED' },
    });
    expect((await paymentOf(orderId)).status).toBe(PaymentStatus.VOIDED);
  });

  test('is given free by a void', async () => {
    const { orderId } = await authorized();
    const { payment } = await payments().voidPayment({ requestId: uuidv7(), orderId });
    expect(payment!.voidRequested).toBe(true);
    await paid.settle();
    expect(await paymentOf(orderId)).toMatchObject({
      status: PaymentStatus.VOIDED,
      capturedMinor: 0n,
    });
  });
});

describe('a refund', () => {
  const captured = async (token?: string) =>
    (await payments().processPayment(asked(token, 1000n))).payment!;

  test('gives back parts until nothing is left', async () => {
    const { paymentId } = await captured();
    const refund = (amountMinor: bigint) =>
      payments().refundPayment({ requestId: uuidv7(), paymentId, amountMinor, reason: 'broken' });
    expect((await refund(300n)).payment).toMatchObject({
      status: PaymentStatus.CAPTURED,
      refundedMinor: 300n,
    });
    await expect(refund(701n)).rejects.toMatchObject({
      code: 'out_of_range',
      reason: 'REFUND_TOO_LARGE',
      metadata: { refundable_minor: '700' },
    });
    expect((await refund(0n)).payment).toMatchObject({
      status: PaymentStatus.REFUNDED,
      refundedMinor: 1000n,
    });
    await expect(refund(0n)).rejects.toMatchObject({
      reason: 'REFUND_TOO_LARGE',
      metadata: { refundable_minor: '0' },
    });
  });

  test('that the provider refuses leaves the money where it was, and may be asked for anew', async () => {
    const { paymentId, orderId } = await captured('tok_refund_refused');
    const request = { requestId: uuidv7(), paymentId };
    for (const _ of [1, 2]) {
      await expect(payments().refundPayment(request)).rejects.toMatchObject({
        reason: 'REFUND_REFUSED',
        metadata: { code: 'refund_not_possible' },
      });
    }
    expect(await paymentOf(orderId)).toMatchObject({
      status: PaymentStatus.CAPTURED,
      refundedMinor: 0n,
    });
  });

  test('of a payment that took nothing, or that is nobody knows whose, is refused', async () => {
    const { paymentId } = await captured('tok_expired_card');
    await expect(
      payments().refundPayment({ requestId: uuidv7(), paymentId }),
    ).rejects.toMatchObject({ reason: 'PAYMENT_NOT_CAPTURED', metadata: { status: 'DECLINED' } });
    await expect(
      payments().refundPayment({ requestId: uuidv7(), paymentId: uuidv7() }),
    ).rejects.toMatchObject({ code: 'not_found', reason: 'PAYMENT_NOT_FOUND' });
  });
});

describe('a void', () => {
  test('before the payment closes the door', async () => {
    const request = asked();
    const { orderId } = request;
    const voiding = { requestId: uuidv7(), orderId };
    const first = await payments().voidPayment(voiding);
    expect(first.payment).toMatchObject({
      status: PaymentStatus.VOIDED,
      voidRequested: true,
    });
    expect(first.payment!.amount).toBeUndefined();
    expect(await payments().voidPayment(voiding)).toEqual(first);
    for (const _ of [1, 2]) {
      await expect(payments().processPayment(request)).rejects.toMatchObject({
        code: 'failed_precondition',
        reason: 'PAYMENT_VOIDED',
        metadata: { order_id: orderId },
      });
    }
  });

  test('while the provider is slow undoes what comes of it', async () => {
    const request = asked('tok_slow_300');
    const processing = payments().processPayment(request);
    const refused = expect(processing).rejects.toMatchObject({ reason: 'PAYMENT_VOIDED' });
    await expect.poll(() => paymentOf(request.orderId)).toBeDefined();
    const { payment } = await payments().voidPayment({
      requestId: uuidv7(),
      orderId: request.orderId,
    });
    expect(payment).toMatchObject({ status: PaymentStatus.PROCESSING, voidRequested: true });
    await refused;
    await paid.settle();
    expect(await paymentOf(request.orderId)).toMatchObject({
      status: PaymentStatus.REFUNDED,
      capturedMinor: 1999n,
      refundedMinor: 1999n,
    });
  });

  test('after the capture gives all back that a refund has left', async () => {
    const request = asked('tok_visa', 1000n);
    const { paymentId } = (await payments().processPayment(request)).payment!;
    await payments().refundPayment({ requestId: uuidv7(), paymentId, amountMinor: 250n });
    const { payment } = await payments().voidPayment({
      requestId: uuidv7(),
      orderId: request.orderId,
    });
    expect(payment).toMatchObject({
      voidRequested: true,
      refundedMinor: 1000n,
      refundConfirmedMinor: 250n,
    });
    await paid.settle();
    expect(await paymentOf(request.orderId)).toMatchObject({
      status: PaymentStatus.REFUNDED,
      refundConfirmedMinor: 1000n,
    });
    // What was answered once is answered for ever.
    const again = await payments().processPayment(request);
    expect(again.payment!.status).toBe(PaymentStatus.CAPTURED);
  });

  test('whose refund the provider refuses asks again after a pause, until it does not', async () => {
    const paymentToken = 'tok_refund_refused-for-now';
    const request = asked(paymentToken);
    const { orderId } = request;
    const { paymentId } = (await payments().processPayment(request)).payment!;
    await payments().voidPayment({ requestId: uuidv7(), orderId });
    // Its driver has let go of it.
    const refused = async () => {
      const [row] = await paid.network.sql`
        select operation_count from finance_payment.payment
        where payment_id = ${paymentId} and leased_until is null`;
      return row?.operation_count;
    };
    await expect.poll(refused, { timeout: 10_000 }).toBeGreaterThan(1);
    expect(await refused()).toBeLessThan(limits.retryBackoffMs.length);
    await paid.network.sql`
      update sandbox_provider.operation set token = 'tok_visa' where token = ${paymentToken}`;
    await paid.settle();
    expect(await paymentOf(orderId)).toMatchObject({
      status: PaymentStatus.REFUNDED,
      refundConfirmedMinor: 1999n,
    });
  });
});
