import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { PaymentService, PaymentStatus } from '#gen/finance/payment/v1/payment_pb.ts';
import { armDebugPoint } from '#kit/debug.ts';
import { uuidv7 } from '#kit/ids.ts';
import { holdAt } from '#kit/testing/hold.ts';
import type { Network } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';
import { limits } from './domain.ts';
import { type PaidNetwork, startPaidNetwork } from './sandbox/testing.ts';

let paid: PaidNetwork;
let disarm = () => {};

beforeAll(async () => {
  paid = await startPaidNetwork(['finance.payment'], { sandbox: { webhookTarget: undefined } });
});
afterEach(async () => {
  disarm();
  await paid.expectBalanced();
});
afterAll(() => paid.stop());

/** Whoever comes to this point fails there and gets no further; with `count`, only the first ones. */
function failAt(where: string, count = Number.POSITIVE_INFINITY): void {
  let left = count;
  disarm = armDebugPoint(`finance.payment.${where}`, () => {
    left -= 1;
    if (left >= 0) throw new Error('failed');
  });
}

/** Nobody waits out the pause between two tries. */
function outlivePause(): void {
  paid.network.clock.advance({ seconds: 10 });
}

/** A second process of the service. */
async function startOther(): Promise<Network> {
  const { network: joins, settings } = paid;
  const other = await startNetwork(['finance.payment'], { joins, settings });
  onTestFinished(other.stop);
  return other;
}

describe('a driver that fails', () => {
  test('gives its lease back at once', async () => {
    const request = paid.asked();
    failAt('after-charge', 1);
    await expect(paid.payments().processPayment(request)).rejects.toThrow();
    const leases = async () => {
      const rows = await paid.network.sql`
        select from finance_payment.payment where leased_until is not null and attempts = 0`;
      return rows.length;
    };
    await expect.poll(leases, { timeout: limits.leaseMs / 2 }).toBe(0);
    await paid.settle();
    expect((await paid.paymentOf(request.orderId)).status).toBe(PaymentStatus.CAPTURED);
    expect(await paid.chargesOf(request.orderId)).toBe(1);
  });

  test.each([
    ['before-charge', 'ANSWER'],
    ['after-charge', 'LOOKUP'],
    ['after-record', 'ANSWER'],
  ])(
    '%s leaves a payment that is charged once, of which the provider tells in its %s',
    async (where, source) => {
      const request = paid.asked();
      failAt(where);
      await expect(paid.payments().processPayment(request)).rejects.toMatchObject({
        code: 'internal',
      });
      disarm();
      outlivePause();
      await paid.settle();
      expect((await paid.paymentOf(request.orderId)).status).toBe(PaymentStatus.CAPTURED);
      expect(await paid.chargesOf(request.orderId)).toBe(1);
      const { payment } = await paid.payments().processPayment(request);
      expect(payment!.status).toBe(PaymentStatus.CAPTURED);
      const facts = await paid.network.sql`
        select source from finance_payment.provider_fact where payment_id = ${payment!.paymentId}`;
      expect(facts).toEqual([{ source }]);
    },
  );

  test.each(['before-charge', 'after-charge'])(
    '%s and whose order is voided meanwhile leaves nothing charged',
    async (where) => {
      const request = paid.asked();
      failAt(where);
      await expect(paid.payments().processPayment(request)).rejects.toThrow();
      const { orderId } = request;
      await paid.payments().voidPayment({ requestId: uuidv7(), orderId });
      disarm();
      outlivePause();
      await paid.settle();
      const { status, capturedMinor, refundedMinor } = await paid.paymentOf(orderId);
      const isCharged = where === 'after-charge';
      expect(status).toBe(isCharged ? PaymentStatus.REFUNDED : PaymentStatus.VOIDED);
      expect(capturedMinor).toBe(isCharged ? 1999n : 0n);
      expect(refundedMinor).toBe(capturedMinor);
    },
  );

  test.each(['before-refund', 'after-refund', 'after-record'])(
    '%s leaves a refund that is made once',
    async (where) => {
      const { payment } = await paid.payments().processPayment(paid.asked('tok_visa', 1000n));
      const { paymentId, orderId } = payment!;
      const request = { requestId: uuidv7(), paymentId, amountMinor: 400n };
      failAt(where);
      await expect(paid.payments().refundPayment(request)).rejects.toThrow();
      // What was promised counts from then on.
      const second = { requestId: uuidv7(), paymentId, amountMinor: 601n };
      await expect(paid.payments().refundPayment(second)).rejects.toMatchObject({
        reason: 'REFUND_TOO_LARGE',
        metadata: { refundable_minor: '600' },
      });
      disarm();
      outlivePause();
      await paid.settle();
      expect((await paid.paymentOf(orderId)).refundedMinor).toBe(400n);
      const again = await paid.payments().refundPayment(request);
      expect(again.payment!.refundedMinor).toBe(400n);
    },
  );

  test.each(['before-capture', 'after-capture', 'before-void', 'after-void'])(
    '%s leaves an authorization that comes to its end',
    async (where) => {
      const { payment } = await paid.payments().authorizePayment(paid.asked());
      const { paymentId, orderId } = payment!;
      failAt(where);
      if (where.endsWith('capture')) {
        const request = { requestId: uuidv7(), paymentId, amountMinor: 500n };
        await expect(paid.payments().capturePayment(request)).rejects.toThrow();
      } else {
        await paid.payments().voidPayment({ requestId: uuidv7(), orderId });
      }
      disarm();
      outlivePause();
      await paid.settle();
      const { status, capturedMinor } = await paid.paymentOf(orderId);
      const isCaptured = where.endsWith('capture');
      expect(status).toBe(isCaptured ? PaymentStatus.CAPTURED : PaymentStatus.VOIDED);
      expect(capturedMinor).toBe(isCaptured ? 500n : 0n);
    },
  );
});

test('a fact that cannot be applied keeps no payment from being recovered', async () => {
  const { sql } = paid.network;
  const refund = async (amountMinor: bigint) => {
    const { payment } = await paid.payments().processPayment(paid.asked());
    const request = { requestId: uuidv7(), paymentId: payment!.paymentId, amountMinor };
    await paid.payments().refundPayment(request);
    return request.paymentId;
  };
  const [one, other] = [await refund(400n), await refund(300n)];
  // A provider that says of the refund of one payment that it was another's.
  await sql`
    insert into finance_payment.provider_fact
    select ${one}, operation, kind, 1, currency, code, source, null, 'WAITING', now()
    from finance_payment.provider_fact where payment_id = ${other} and kind = 'refunded'`;
  failAt('before-charge', 1);
  const request = paid.asked();
  await expect(paid.payments().processPayment(request)).rejects.toThrow();
  outlivePause();
  const statusOf = async () => (await paid.paymentOf(request.orderId)).status;
  await expect.poll(statusOf, { timeout: 10_000 }).toBe(PaymentStatus.CAPTURED);
  await sql`delete from finance_payment.provider_fact where payment_id = ${one} and amount_minor = 1`;
});

describe('two processes that recover', () => {
  test('never both drive one payment', async () => {
    const other = await startOther();
    let isFailing = true;
    let drives = 0;
    // All wait before the provider is asked: it may be slow, and then they are driven again with good reason.
    const open = Promise.withResolvers<void>();
    disarm = armDebugPoint('finance.payment.before-charge', () => {
      if (isFailing) throw new Error('failed');
      drives += 1;
      return open.promise;
    });
    const services = [paid.network, other].map((network) => network.service('finance.payment'));
    const recover = () => Promise.all(services.map((service) => service.advance()));
    const requests = Array.from({ length: 100 }, () => paid.asked());
    await Promise.allSettled(requests.map((request) => paid.payments().processPayment(request)));
    isFailing = false;
    try {
      // The clock stays as it is: whoever is taking a payment at this moment would lose it again.
      await expect.poll(() => recover().then(() => drives), { timeout: 30_000 }).toBe(100);
      for (let i = 0; i < 10; i += 1) await recover();
      expect(drives).toBe(100);
    } finally {
      open.resolve();
    }
    await Promise.all([paid.settle(), other.settle()]);
  });

  test('one of which wakes up late, change nothing that the other has done', async () => {
    const request = paid.asked();
    const hold = holdAt('finance.payment.after-charge', 1);
    const sleeping = paid.payments().processPayment(request);
    await hold.reached;
    const other = await startOther();
    paid.network.clock.advance({ milliseconds: limits.leaseMs + 1 });
    await other.settle();
    const { paymentId } = await paid.paymentOf(request.orderId);
    await other
      .client(PaymentService, 'finance.payment', { service: 'commerce.order' })
      .refundPayment({ requestId: uuidv7(), paymentId, amountMinor: 1n });
    const before = await paid.paymentOf(request.orderId);
    hold.letGo();
    await sleeping;
    await paid.settle();
    expect(await paid.paymentOf(request.orderId)).toEqual(before);
  });

  test('leave a payment alone while its driver lives, and not for ever', async () => {
    const request = paid.asked();
    const hold = holdAt('finance.payment.before-charge', 1);
    const driving = paid.payments().processPayment(request, { timeoutMs: 60_000 });
    await hold.reached;
    const other = await startOther();
    const services = [paid.network, other].map((network) => network.service('finance.payment'));
    const step = limits.leaseMs / 2;
    /** Time passes, and both processes do what is due: the one that drives renews its lease. */
    async function live(milliseconds: number): Promise<number> {
      for (let passed = 0; passed < milliseconds; passed += step) {
        paid.network.clock.advance({ milliseconds: step });
        for (const service of services) await service.advance();
      }
      const [row] = await paid.network.sql`
        select epoch from finance_payment.payment where order_id = ${request.orderId}`;
      return row!.epoch;
    }
    expect(await live(limits.driveMsMax - 2 * limits.leaseMs)).toBe(1);
    expect(await live(3 * limits.leaseMs)).toBe(2);
    hold.letGo();
    expect((await driving).payment!.status).toBe(PaymentStatus.CAPTURED);
    await paid.settle();
    expect(await paid.chargesOf(request.orderId)).toBe(1);
  });
});

describe('a provider that is away', () => {
  test('is said to be, within the deadline, and the payment is settled when it is back', async () => {
    await paid.stopProvider();
    const request = paid.asked();
    const startedAt = performance.now();
    await expect(
      paid.payments().processPayment(request, { timeoutMs: 2_000 }),
    ).rejects.toMatchObject({ code: 'unavailable', reason: 'PROVIDER_UNAVAILABLE' });
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect((await paid.paymentOf(request.orderId)).status).toBe(PaymentStatus.PROCESSING);
    await paid.startProvider();
    await paid.settle();
    const { payment } = await paid.payments().processPayment(request);
    expect(payment!.status).toBe(PaymentStatus.CAPTURED);
    expect(await paid.chargesOf(request.orderId)).toBe(1);
  });

  test('keeps a void waiting, not its caller', async () => {
    const request = paid.asked();
    await paid.payments().processPayment(request);
    await paid.stopProvider();
    const { orderId } = request;
    const { payment } = await paid.payments().voidPayment({ requestId: uuidv7(), orderId });
    expect(payment).toMatchObject({ status: PaymentStatus.CAPTURED, refundedMinor: 1999n });
    await paid.startProvider();
    await paid.settle();
    expect((await paid.paymentOf(orderId)).status).toBe(PaymentStatus.REFUNDED);
  });

  test('because it was killed, three times in the middle of 200 payments, has lost none of them', async () => {
    await paid.stopProvider();
    const { PROVIDER_URL, PROVIDER_WEBHOOK_SECRET } = paid.settings['finance.payment']!;
    const env = {
      ...process.env,
      DATABASE_URL: paid.databaseUrl,
      SANDBOX_PORT: new URL(PROVIDER_URL!).port,
      PROVIDER_WEBHOOK_SECRET,
      LOG_LEVEL: 'silent',
    };
    const entry = fileURLToPath(new URL('./sandbox/main.ts', import.meta.url));
    const requests = Array.from({ length: 200 }, () => paid.asked());
    let sent = 0;
    async function caller(): Promise<void> {
      for (let request = requests[sent++]; request; request = requests[sent++]) {
        await paid
          .payments()
          .processPayment(request, { timeoutMs: 1_000 })
          .catch(() => {});
      }
    }
    let callers: Promise<void>[] = [];
    for (let life = 1; life <= 4; life += 1) {
      const provider = fork(entry, { env, stdio: 'ignore' });
      await new Promise((resolve) => provider.once('message', resolve));
      if (callers.length === 0) callers = Array.from({ length: 8 }, caller);
      if (life <= 3) await expect.poll(() => sent, { timeout: 10_000 }).toBeGreaterThan(life * 50);
      else await Promise.all(callers);
      const ended = new Promise((resolve) => provider.once('exit', resolve));
      provider.kill('SIGKILL');
      await ended;
    }
    await paid.startProvider();
    // Nobody waits out the pauses between tries.
    const open = async () => {
      paid.network.clock.advance({ hours: 2 });
      const rows = await paid.network.sql`
        select from finance_payment.payment where due_at is not null`;
      return rows.length;
    };
    await expect.poll(open, { timeout: 20_000 }).toBe(0);
    for (const { orderId } of requests) {
      expect((await paid.paymentOf(orderId)).status).toBe(PaymentStatus.CAPTURED);
      expect(await paid.chargesOf(orderId)).toBe(1);
    }
  }, 60_000);
});
