import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { fromBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import {
  type PaymentChanged,
  PaymentChangedSchema,
  PaymentService,
  PaymentStatus,
} from '#gen/finance/payment/v1/payment_pb.ts';
import { connectBus } from '#kit/bus/bus.ts';
import { createWays } from '#kit/host/placement.ts';
import { uuidv7 } from '#kit/ids.ts';
import { createClient } from '#kit/rpc/client/client.ts';
import { grpcJsEngine } from '#kit/rpc/grpc-js/engine.ts';
import { auditSecret } from '#kit/testing/network.ts';
import { freePort } from '#kit/testing/port.ts';
import { registrationOf } from '#services/registry.ts';
import { createServiceIdentity } from '#tools/mesh/secrets.ts';
import { limits } from './domain.ts';
import { type PaidNetwork, startPaidNetwork } from './sandbox/testing.ts';

let paid: PaidNetwork;
let namespace: string;

beforeAll(async () => {
  paid = await startPaidNetwork(['finance.payment']);
  namespace = new URL(paid.databaseUrl).pathname.slice(1);
});
afterAll(() => paid.stop());

interface PaymentProcess {
  child: ChildProcess;
  client: ReturnType<typeof paid.payments>;
  /** All that it wrote. */
  output(): string;
  /** Resolves when it is gone. */
  ended: Promise<void>;
}

/** The service as a process of its own, beside the one of this test, with the same database. */
async function startProcess(debugPoints: string): Promise<PaymentProcess> {
  const identity = createServiceIdentity();
  const address = `127.0.0.1:${await freePort()}`;
  const { natsUrl, redisUrl } = inject('servers');
  const child = fork(
    fileURLToPath(new URL('../../main.ts', import.meta.url)),
    ['finance.payment'],
    {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: {
        ...process.env,
        ...paid.settings['finance.payment'],
        DATABASE_URL: paid.databaseUrl,
        NATS_URL: natsUrl,
        MESHWORK_AUDIT_SECRET: auditSecret,
        REDIS_URL: redisUrl,
        MESHWORK_NAMESPACE: namespace,
        MESHWORK_PORT_BASE: String(
          Number(address.split(':')[1]) - registrationOf('finance.payment').port,
        ),
        MESHWORK_SERVICE_KEY: identity.publicKey,
        MESHWORK_DEBUG_POINTS: debugPoints,
        LOG_LEVEL: 'trace',
      },
    },
  );
  let output = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.on('data', (chunk) => {
      output += chunk;
    });
  }
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await new Promise((resolve) => child.once('message', resolve));
  const ways = createWays({
    transport: 'wire',
    engine: grpcJsEngine,
    addressesOf: () => [address],
    dispatcherOf: () => paid.network.service('finance.payment').server.dispatcher,
  });
  const token = identity.token('commerce.order');
  const client = createClient(PaymentService, ways(undefined, 'finance.payment'), {
    serviceToken: () => token,
  });
  return { child, client, output: () => output, ended };
}

describe('a process that is killed', () => {
  test.each([
    'before-charge=kill:40',
    'after-charge=kill:40',
    'after-record=kill:40',
    'after-record=kill',
  ])('at %s of a batch leaves every payment charged once', async (point) => {
    const requests = Array.from({ length: 100 }, () => paid.asked());
    const { client, ended } = await startProcess(`finance.payment.${point}`);
    await expect(client.batchProcessPayments({ requests, settleMs: 5_000 })).rejects.toThrow();
    await ended;
    paid.network.clock.advance({ milliseconds: limits.leaseMs + 1_000 });
    await paid.settle();
    const { results } = await paid.payments().batchProcessPayments({ requests, settleMs: 5_000 });
    for (const [i, { outcome }] of results.entries()) {
      expect(outcome).toMatchObject({ value: { payment: { status: PaymentStatus.CAPTURED } } });
      expect(await paid.chargesOf(requests[i]!.orderId)).toBe(1);
    }
    await paid.expectBalanced();
  });
});

describe('a process that is suspended', () => {
  test.each([
    ['before-charge', 0],
    ['after-charge', 1],
    ['after-record', 1],
  ])('at %s, for longer than its lease, charges nothing twice', async (point, charges) => {
    const request = paid.asked();
    const { orderId } = request;
    const { child, client, ended } = await startProcess(`finance.payment.${point}=stop`);
    const answer = client.processPayment(request, { timeoutMs: 30_000 });
    const statusNow = async () => (await paid.paymentOf(orderId)).status;
    await expect.poll(statusNow, { timeout: 10_000 }).toBeDefined();
    const taken = expect.poll(() => paid.chargesOf(orderId), { timeout: 10_000 });
    await taken.toBeGreaterThanOrEqual(charges);
    // Not settle(): the suspended one may hold what the events wait for.
    paid.network.clock.advance({ milliseconds: limits.leaseMs + 1_000 });
    await expect.poll(statusNow, { timeout: 10_000 }).toBe(PaymentStatus.CAPTURED);
    const { paymentId } = await paid.paymentOf(orderId);
    const refund = { requestId: uuidv7(), paymentId, amountMinor: 7n };
    await paid.payments().refundPayment(refund);
    const before = await paid.paymentOf(orderId);

    child.kill('SIGCONT');
    await answer;
    await paid.settle();
    expect(await paid.paymentOf(orderId)).toEqual(before);
    expect(await paid.chargesOf(orderId)).toBe(1);
    await paid.expectBalanced();
    child.kill('SIGTERM');
    await ended;
  });
});

test('a token and a secret are in no log, no event and, when all is over, in no table', async () => {
  const { natsUrl: url } = inject('servers');
  const bus = await connectBus({ url, namespace, name: 'listener' });
  const heard: PaymentChanged[] = [];
  const payloads: Uint8Array[] = [];
  const unlisten = bus.listen(PaymentChangedSchema.typeName, (payload) => {
    payloads.push(payload);
    heard.push(fromBinary(PaymentChangedSchema, payload));
  });
  const { child, client, output, ended } = await startProcess('');
  const canary = `canary${uuidv7().replaceAll('-', '')}`;
  const names = [
    'tok_visa',
    'tok_error',
    'tok_timeout',
    'tok_lost',
    'tok_expired_card',
    'tok_nobody',
  ];
  const requests = names.map((name) => paid.asked(`${name}-${canary}`));
  await Promise.all(requests.map((request) => client.processPayment(request)));
  // Refusals and failures must not tell either.
  const [first] = requests;
  const refused = [
    client.processPayment({ ...first!, amount: { currencyCode: 'EUR', amountMinor: 7n } }),
    client.processPayment({ ...first!, requestId: uuidv7() }),
    client.processPayment({ ...first!, requestId: 'x' }),
    client.handleProviderEvent({ payload: Buffer.from(canary), signature: canary }),
  ];
  for (const one of await Promise.allSettled(refused)) {
    expect(one.status).toBe('rejected');
    expect(JSON.stringify(one)).not.toContain(canary);
  }
  await paid.expectBalanced();
  await expect.poll(() => heard.length).toBeGreaterThanOrEqual(requests.length);
  for (const payload of payloads) expect(Buffer.from(payload).includes(canary)).toBe(false);
  child.kill('SIGTERM');
  await ended;
  unlisten();
  await bus.close();

  const secret = paid.settings['finance.payment']!.PROVIDER_WEBHOOK_SECRET!;
  expect(output()).toContain('rpc.answered');
  expect(output()).not.toContain(canary);
  expect(output()).not.toContain(secret);
  const hex = Buffer.from(canary).toString('hex');
  for (const table of ['payment', 'operation', 'provider_fact', 'request_log', 'outbox']) {
    const rows = await paid.network.sql.unsafe(
      `select t::text as row from finance_payment.${table} t`,
    );
    for (const { row } of rows) {
      expect(row).not.toContain(canary);
      expect(row).not.toContain(hex);
    }
  }
});
