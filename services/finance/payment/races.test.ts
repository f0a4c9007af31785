import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PaymentService, PaymentStatus } from '#gen/finance/payment/v1/payment_pb.ts';
import type { RpcError } from '#kit/errors.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Client } from '#kit/rpc/client/client.ts';
import { times } from '#kit/testing/crowd.ts';
import { holdWrites } from '#kit/testing/hold.ts';
import { countWaiting, joinMsMax, meetAt, meetInCrowd } from '#kit/testing/meet.ts';
import type { Network } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';
import { type PaidNetwork, startPaidNetwork } from './sandbox/testing.ts';

let paid: PaidNetwork;
/** A second process of the same service. */
let other: Network;
let both: Client<typeof PaymentService>[];

beforeAll(async () => {
  paid = await startPaidNetwork(['finance.payment']);
  const { network: joins, settings } = paid;
  other = await startNetwork(['finance.payment'], { joins, settings });
  both = [joins, other].map((network) =>
    network.client(PaymentService, 'finance.payment', { service: 'commerce.order' }),
  );
});
afterAll(async () => {
  await other.settle();
  await paid.expectBalanced();
  await other.stop();
  await paid.stop();
});

function split<Result>(results: PromiseSettledResult<Result>[]) {
  const values = results.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const reasons = results.flatMap((one) =>
    one.status === 'rejected' ? [(one.reason as RpcError).reason] : [],
  );
  return { values, reasons };
}

describe('64 callers in two processes, whose writes meet before either commits,', () => {
  /** A begin is one statement: each process has sent one before either commits. */
  async function beginTogether<Result>(call: (i: number) => Promise<Result>) {
    const { sql } = paid.network;
    const letGo = await holdWrites(sql, { table: 'finance_payment.payment', on: 'insert' });
    const calls = times(64, call);
    const both = () => countWaiting(sql);
    await expect.poll(both, { timeout: joinMsMax }).toBeGreaterThanOrEqual(2);
    await letGo();
    return split(await calls);
  }

  /** Refunds change payments that are there: nobody else may be writing one meanwhile. */
  async function refundTogether<Result>(call: (i: number) => Promise<Result>) {
    await Promise.all([paid.settle(), other.settle()]);
    const at = { point: 'finance.payment.before-commit', sql: paid.network.sql };
    return split(await meetInCrowd(at, 64, call));
  }

  test.each(['tok_visa', 'tok_slow_200', 'tok_error'])(
    'with one request and %s make one charge and hear one answer',
    async (token) => {
      const request = paid.asked(token);
      const { values, reasons } = await beginTogether((i) => both[i % 2]!.processPayment(request));
      expect(reasons).toEqual([]);
      for (const value of values) expect(value).toEqual(values[0]);
      expect(values[0]!.payment!.status).toBe(PaymentStatus.CAPTURED);
      expect(await paid.chargesOf(request.orderId)).toBe(1);
    },
  );

  test('with one request id and two bodies pay one of them', async () => {
    const first = paid.asked();
    const bodies = [first, { ...paid.asked(), requestId: first.requestId }];
    const { values, reasons } = await beginTogether((i) =>
      both[i % 2]!.processPayment(bodies[(i >> 1) % 2]!),
    );
    expect(values).toHaveLength(32);
    expect(new Set(values.map(({ payment }) => payment!.orderId)).size).toBe(1);
    expect(new Set(reasons)).toEqual(new Set(['REQUEST_ID_REUSED']));
  });

  test('with requests of their own pay an order once', async () => {
    const request = paid.asked();
    const { values, reasons } = await beginTogether((i) =>
      both[i % 2]!.processPayment({ ...request, requestId: uuidv7() }),
    );
    expect(values).toHaveLength(1);
    expect(reasons).toEqual(Array(63).fill('PAYMENT_EXISTS'));
    expect(await paid.chargesOf(request.orderId)).toBe(1);
  });

  test('refund together what was captured and not more', async () => {
    const { payment } = await paid.payments().processPayment(paid.asked('tok_visa', 1000n));
    const { paymentId } = payment!;
    const { values, reasons } = await refundTogether((i) =>
      both[i % 2]!.refundPayment({ requestId: uuidv7(), paymentId, amountMinor: 30n }),
    );
    expect(values).toHaveLength(33);
    expect(reasons).toEqual(Array(31).fill('REFUND_TOO_LARGE'));
    expect((await paid.paymentOf(payment!.orderId)).refundedMinor).toBe(990n);
  });

  test('refund with one request once', async () => {
    const { payment } = await paid.payments().processPayment(paid.asked('tok_visa', 1000n));
    const request = { requestId: uuidv7(), paymentId: payment!.paymentId, amountMinor: 30n };
    const { values, reasons } = await refundTogether((i) => both[i % 2]!.refundPayment(request));
    expect(reasons).toEqual([]);
    for (const value of values) expect(value).toEqual(values[0]);
    expect((await paid.paymentOf(payment!.orderId)).refundedMinor).toBe(30n);
  });

  test('with one refund request for two payments refund one of them', async () => {
    const [one, two] = await Promise.all(
      [1, 2].map(async () => (await paid.payments().processPayment(paid.asked())).payment!),
    );
    const givenBack = async () => BigInt((await paid.sandbox.summary()).EUR!.refunded_minor);
    const before = await givenBack();
    const request = { requestId: uuidv7(), amountMinor: 30n };
    const { values, reasons } = await refundTogether((i) =>
      both[i % 2]!.refundPayment({ ...request, paymentId: (i & 1 ? one! : two!).paymentId }),
    );
    expect(new Set(values.map(({ payment }) => payment!.paymentId)).size).toBe(1);
    expect(new Set(reasons)).toEqual(new Set(['REQUEST_ID_REUSED']));
    await Promise.all([paid.settle(), other.settle()]);
    expect(await givenBack()).toBe(before + 30n);
  });
});

test('two refunds that meet in two processes, each of more than half, are one refund', async () => {
  const { payment } = await paid.payments().processPayment(paid.asked('tok_visa', 1000n));
  const { paymentId, orderId } = payment!;
  await Promise.all([paid.settle(), other.settle()]);
  const meeting = meetAt(['finance.payment.before-commit'], paid.network.sql);
  const refunding = times(2, (i) =>
    both[i]!.refundPayment({ requestId: uuidv7(), paymentId, amountMinor: 600n }),
  );
  await meeting.joined(2);
  meeting.letAllGo();
  const { values, reasons } = split(await refunding);
  expect(values).toHaveLength(1);
  expect(reasons).toEqual(['REFUND_TOO_LARGE']);
  expect((await paid.paymentOf(orderId)).refundedMinor).toBe(600n);
});

describe('a void against', () => {
  const voided = (i: number, orderId: string) =>
    both[i % 2]!.voidPayment({ requestId: uuidv7(), orderId });

  /** Nothing of these orders stays with us, and each is at an end. */
  async function expectUndone(orderIds: string[]): Promise<void> {
    await Promise.all([paid.settle(), other.settle()]);
    const ends = [PaymentStatus.VOIDED, PaymentStatus.REFUNDED, PaymentStatus.DECLINED];
    for (const payment of await Promise.all(orderIds.map(paid.paymentOf))) {
      expect(ends).toContain(payment.status);
      expect(payment.refundedMinor).toBe(payment.capturedMinor);
    }
  }

  test('its payment, in 60 races, leaves nothing charged', async () => {
    const tokens = [
      'tok_visa',
      'tok_slow_20',
      'tok_error',
      'tok_error_before',
      'tok_card_declined',
    ];
    const requests = Array.from({ length: 60 }, (_, i) => paid.asked(tokens[i % tokens.length]));
    await times<unknown>(120, (i) => {
      const request = requests[i >> 1]!;
      return i % 2 ? voided(i >> 1, request.orderId) : both[(i >> 2) % 2]!.processPayment(request);
    });
    await expectUndone(requests.map(({ orderId }) => orderId));
  });

  test('its capture, in 40 races, leaves nothing taken and nothing held', async () => {
    const held = await Promise.all(
      Array.from({ length: 40 }, async () => {
        const { payment } = await paid.payments().authorizePayment(paid.asked());
        return payment!;
      }),
    );
    await times<unknown>(80, (i) => {
      const { paymentId, orderId } = held[i >> 1]!;
      const requestId = uuidv7();
      return i % 2
        ? voided(i >> 1, orderId)
        : both[(i >> 2) % 2]!.capturePayment({ requestId, paymentId });
    });
    await expectUndone(held.map(({ orderId }) => orderId));
  });

  test('parallel refunds gives back the rest', async () => {
    const { payment } = await paid.payments().processPayment(paid.asked('tok_visa', 1000n));
    const { paymentId, orderId } = payment!;
    await times<unknown>(21, (i) =>
      i === 10
        ? voided(i, orderId)
        : both[i % 2]!.refundPayment({ requestId: uuidv7(), paymentId, amountMinor: 30n }),
    );
    await expectUndone([orderId]);
  });
});
