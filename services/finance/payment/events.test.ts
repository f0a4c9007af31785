import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { PaymentService, PaymentStatus } from '#gen/finance/payment/v1/payment_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import { chooseSeed, printSeed } from '#kit/testing/property.ts';
import { signEvent, type WireOperation } from './provider-wire.ts';
import { type PaidNetwork, startPaidNetwork } from './sandbox/testing.ts';

/** By which events are reordered and late. */
const seed = chooseSeed();
let paid: PaidNetwork;

beforeEach(() => printSeed(seed));
beforeAll(async () => {
  // Every event three times, late and in any order.
  const sandbox = { webhookCopies: 3, webhookShuffle: seed };
  paid = await startPaidNetwork(['finance.payment'], { sandbox });
});
afterAll(() => paid.stop());

const secret = () => paid.settings['finance.payment']!.PROVIDER_WEBHOOK_SECRET!;
const anybody = () => paid.network.client(PaymentService, 'finance.payment');

function eventOf(operation: Partial<WireOperation>): Buffer {
  const data = { amount_minor: '1999', currency: 'EUR', code: '', ...operation };
  return Buffer.from(JSON.stringify({ id: `evt_${uuidv7()}`, data }));
}

function send(payload: Buffer, options: { key?: string; at?: number } = {}) {
  const { key = secret(), at = paid.network.clock.now() } = options;
  return anybody().handleProviderEvent({ payload, signature: signEvent(payload, key, at) });
}

async function factsOf(paymentId: string) {
  const rows = await paid.network.sql`
    select kind, verdict from finance_payment.provider_fact
    where payment_id = ${paymentId} order by created_at`;
  return rows.map(({ kind, verdict }) => `${kind} ${verdict}`);
}

describe('an event', () => {
  test('that the provider did not sign, or long ago, is refused', async () => {
    const payload = eventOf({ key: `${uuidv7()}:charge`, state: 'captured' });
    const now = paid.network.clock.now();
    const signature = signEvent(payload, secret(), now);
    const changed = Buffer.from(payload.toString().replace('1999', '1998'));
    for (const refused of [
      () => send(payload, { key: 'whsec_other' }),
      () => send(payload, { at: now - 310_000 }),
      () => send(payload, { at: now + 600_000 }),
      () => anybody().handleProviderEvent({ payload: changed, signature }),
      () => anybody().handleProviderEvent({ payload, signature: signature.replace('v1=', 'v0=') }),
      () => anybody().handleProviderEvent({ payload, signature: 'x' }),
    ]) {
      await expect(refused()).rejects.toMatchObject({
        code: 'unauthenticated',
        reason: 'SIGNATURE_INVALID',
      });
    }
  });

  test.each([
    ['no JSON', Buffer.from('{"id":')],
    ['no object', Buffer.from('null')],
    ['no key of ours', eventOf({ key: 'charge', state: 'captured' })],
    ['no such state', eventOf({ key: `${uuidv7()}:charge`, state: 'refunded' })],
    [
      'no such amount',
      eventOf({ key: `${uuidv7()}:charge`, state: 'captured', amount_minor: '-1' }),
    ],
  ])('that is signed and has %s is malformed', async (_, payload) => {
    await expect(send(payload)).rejects.toMatchObject({
      code: 'invalid_argument',
      reason: 'EVENT_MALFORMED',
    });
  });

  test('told ten times at once counts once', async () => {
    const { payment } = await paid.payments().processPayment(paid.asked());
    const { paymentId, orderId } = payment!;
    const payload = eventOf({ key: `${paymentId}:charge`, state: 'captured' });
    await Promise.all(Array.from({ length: 10 }, () => send(payload)));
    expect(await paid.paymentOf(orderId)).toEqual(payment);
    expect(await factsOf(paymentId)).toEqual(['captured APPLIED']);
  });

  test('of a payment that is not known yet waits for it', async () => {
    const paymentId = uuidv7();
    const orderId = uuidv7();
    await send(eventOf({ key: `${paymentId}:charge`, state: 'captured' }));
    expect(await factsOf(paymentId)).toEqual(['captured WAITING']);
    await paid.network.sql`
      insert into finance_payment.payment (payment_id, order_id, user_id, currency, amount_minor,
        intent, status, request_key, request_hash, created_at, updated_at)
      values (${paymentId}, ${orderId}, ${uuidv7()}, 'EUR', 1999, 'CHARGE', 'PROCESSING',
        ${uuidv7()}, '', now(), now())`;
    await paid.settle();
    expect((await paid.paymentOf(orderId)).status).toBe(PaymentStatus.CAPTURED);
    expect(await factsOf(paymentId)).toEqual(['captured APPLIED']);
    await paid.network.sql`delete from finance_payment.payment where payment_id = ${paymentId}`;
  });

  test('that contradicts what we know of amounts is kept and changes nothing', async () => {
    const { payment } = await paid.payments().processPayment(paid.asked('tok_expired_card'));
    const { paymentId, orderId } = payment!;
    const key = `${paymentId}:charge`;
    await send(eventOf({ key, state: 'captured', amount_minor: '5000' }));
    expect(await paid.paymentOf(orderId)).toEqual(payment);
    expect(await factsOf(paymentId)).toEqual(['declined APPLIED', 'captured ILLEGAL']);
    await paid.network.sql`
      delete from finance_payment.provider_fact where verdict = 'ILLEGAL'`;
  });

  test.each([
    ['in another currency', { amount_minor: '500', currency: 'JPY' }],
    ['of nothing', { amount_minor: '0' }],
  ])('of a refund %s is kept and changes nothing', async (_, said) => {
    const { payment } = await paid.payments().processPayment(paid.asked());
    const { paymentId, orderId } = payment!;
    await send(eventOf({ key: `${paymentId}:refund:${uuidv7()}`, state: 'refunded', ...said }));
    expect(await paid.paymentOf(orderId)).toEqual(payment);
    expect(await factsOf(paymentId)).toEqual(['captured APPLIED', 'refunded ILLEGAL']);
    await paid.network.sql`
      delete from finance_payment.provider_fact where verdict = 'ILLEGAL'`;
  });

  test('with a text that cannot be stored is kept without what cannot', async () => {
    const { payment } = await paid.payments().processPayment(paid.asked('tok_expired_card'));
    const { paymentId } = payment!;
    const data = { key: `${paymentId}:charge`, state: 'voided', amount_minor: '0' };
    const texts = { currency: 'EU\0R', code: 'a\0b' };
    await send(Buffer.from(JSON.stringify({ id: 'evt\0_1', data: { ...data, ...texts } })));
    expect(
      await paid.network.sql`
        select event_id, currency, code from finance_payment.provider_fact
        where payment_id = ${paymentId} and kind = 'voided'`,
    ).toEqual([{ event_id: 'evt_1', currency: 'EUR', code: 'ab' }]);
  });

  test('of a charge in spite of a void is kept, and the money given back', async () => {
    const { payment } = await paid.payments().authorizePayment(paid.asked());
    const { paymentId, orderId } = payment!;
    await paid.payments().voidPayment({ requestId: uuidv7(), orderId });
    await paid.settle();
    expect((await paid.paymentOf(orderId)).status).toBe(PaymentStatus.VOIDED);
    // A provider that breaks its word: it takes the money of an authorization that it had given free.
    const key = `${paymentId}:authorize`;
    await paid.network.sql`
      update sandbox_provider.operation set state = 'captured', captured_minor = 1999
      where key = ${key}`;
    await send(eventOf({ key, state: 'captured' }));
    await paid.settle();
    expect(await paid.paymentOf(orderId)).toMatchObject({
      status: PaymentStatus.VOIDED,
      capturedMinor: 1999n,
      refundedMinor: 1999n,
    });
    expect(await factsOf(paymentId)).toContain('captured ILLEGAL');
    await paid.network.sql`
      delete from finance_payment.provider_fact where verdict = 'ILLEGAL'`;
  });
});

test('a storm of events, each thrice, late and shuffled, leaves 200 payments as the provider has them', async () => {
  const tokens = [
    'tok_visa',
    'tok_slow_50',
    'tok_twice',
    'tok_error',
    'tok_timeout',
    'tok_limit_exceeded',
  ];
  const requests = Array.from({ length: 200 }, (_, i) => paid.asked(tokens[i % tokens.length]));
  async function buyer(): Promise<void> {
    for (let i = requests.length; requests.length > 0; i = requests.length) {
      const { payment } = await paid.payments().processPayment(requests.pop()!);
      const { paymentId, orderId, status } = payment!;
      const requestId = uuidv7();
      const isPaid = status === PaymentStatus.CAPTURED;
      if (isPaid && i % 3 === 0) {
        await paid.payments().refundPayment({ requestId, paymentId, amountMinor: 5n });
      }
      if (i % 4 === 0) await paid.payments().voidPayment({ requestId, orderId });
    }
  }
  await Promise.all(Array.from({ length: 20 }, buyer));
  await paid.expectBalanced();
});
