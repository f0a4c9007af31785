import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ProcessPaymentResponseSchema } from '#gen/finance/payment/v1/payment_pb.ts';
import { systemClock } from '#kit/clock.ts';
import { uuidv7 } from '#kit/ids.ts';
import { createLogger } from '#kit/telemetry/log.ts';
import type { Network } from '#kit/testing/network.ts';
import { type CountedDatabase, countStatements } from '#kit/testing/statements.ts';
import { startNetwork } from '#services/testing.ts';
import { createBeginner } from './beginner.ts';
import { begunNow } from './domain/record.ts';
import { isSettled } from './domain/requests.ts';
import type { Fact } from './domain.ts';
import { createDriver } from './driver.ts';
import { createPayments, type Payments } from './payments.ts';
import type { Provider } from './provider.ts';
import { createStore } from './store.ts';
import { createWaiters } from './waiters.ts';
import { createPaymentWriter } from './writer.ts';

let network: Network;
let counted: CountedDatabase;

beforeAll(async () => {
  const settings = { PROVIDER_URL: 'http://127.0.0.1:9', PROVIDER_TIMEOUT_MS: '1000' };
  network = await startNetwork(['finance.payment'], { settings: { 'finance.payment': settings } });
  counted = countStatements(network, 'finance.payment');
});
afterAll(async () => {
  await counted.close();
  await network.stop();
});

/** A provider that takes all money, and answers when `count` calls are there: their answers make one batch. */
function createPatientProvider(count: number): Provider {
  const waiting: (() => void)[] = [];
  const unasked = async () => 'unknown' as const;
  return {
    charge({ key, amountMinor, currency }) {
      const [paymentId = ''] = key.split(':');
      const fact: Fact = {
        paymentId,
        operation: 'charge',
        kind: 'captured',
        amountMinor,
        currency,
        code: '',
      };
      return new Promise((resolve) => {
        waiting.push(() => resolve([fact]));
        if (waiting.length === count) for (const answer of waiting) answer();
      });
    },
    authorize: unasked,
    capture: unasked,
    void: unasked,
    refund: unasked,
    lookup: unasked,
    close: async () => {},
  };
}

function paymentsOf(provider: Provider): Payments {
  const { database } = counted;
  const log = createLogger('test', { level: 'silent' });
  const store = createStore(database);
  // Nobody waits for other processes here, however slow the machine.
  const waiters = createWaiters(async () => []);
  const clock = systemClock;
  const writer = createPaymentWriter({ database, store, clock, log, tell: waiters.tell });
  const idle = createPatientProvider(0);
  const driver = createDriver({
    cards: provider,
    ledger: idle as never,
    writer,
    store,
    clock,
    log,
  });
  const beginner = createBeginner({ database, store });
  return createPayments({ beginner, writer, driver, waiters, log });
}

function process(payments: Payments) {
  const orderId = uuidv7();
  const hash = createHash('sha256').update(orderId).digest();
  const asked = {
    paymentId: uuidv7(),
    orderId,
    userId: uuidv7(),
    currency: 'EUR',
    amountMinor: 1999n,
    intent: 'CHARGE',
    token: 'tok_visa',
    account: undefined,
    request: { key: uuidv7(), hash },
  } as const;
  const key = { requestId: orderId, scope: 'test/ProcessPayment', hash };
  const request = { key, response: ProcessPaymentResponseSchema, isKnown: isSettled };
  const never = new Promise<void>(() => {});
  return payments.begin({ record: begunNow(asked, Date.now()), request }, never);
}

test('500 payments at once cost as many statements as one', async () => {
  for (const count of [1, 20, 500]) {
    const payments = paymentsOf(createPatientProvider(count));
    const statements = await counted.statementsOf(() =>
      Promise.all(Array.from({ length: count }, () => process(payments))),
    );
    // To begin: one. To end: begin with budget, lock, payments, facts, events with answers, commit.
    expect(statements, `for ${count}`).toBe(7);
  }
});
