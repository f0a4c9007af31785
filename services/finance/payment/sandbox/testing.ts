/** Networks with a card provider, for tests of this service and of those that call it. */
import { randomBytes } from 'node:crypto';
import { expect, inject } from 'vitest';
import { type Payment, PaymentService } from '#gen/finance/payment/v1/payment_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Client } from '#kit/rpc/client/client.ts';
import type { Network, NetworkOptions } from '#kit/testing/network.ts';
import { freePort } from '#kit/testing/port.ts';
import { startNetwork } from '#services/testing.ts';
import { type Sandbox, type SandboxOptions, startSandbox } from './sandbox.ts';

export interface PaidNetwork {
  network: Network;
  readonly sandbox: Sandbox;
  /** The settings of finance.payment, for networks that join this one. */
  settings: Record<string, Record<string, string>>;
  /** Of this network's own database, as its superuser. */
  databaseUrl: string;
  /** finance.payment, called as the order service. */
  payments(): Client<typeof PaymentService>;
  /** A good request, unless told otherwise. */
  asked(token?: string, amountMinor?: bigint): Asked;
  /** The payment of an order. */
  paymentOf(orderId: string): Promise<Payment>;
  /** How often the provider was made to take money for an order. */
  chargesOf(orderId: string): Promise<number>;
  /** Ends the provider, and starts it again where it was, with what it remembers. */
  stopProvider(): Promise<void>;
  startProvider(): Promise<void>;
  /** Resolves when all events are heard and all work is done. */
  settle(): Promise<void>;
  /** Every payment is final, or held; and the provider has taken and given back exactly what the payments say. */
  expectBalanced(): Promise<void>;
  stop(): Promise<void>;
}

/** What ProcessPayment and AuthorizePayment are asked. */
export interface Asked {
  requestId: string;
  orderId: string;
  userId: string;
  amount: { currencyCode: string; amountMinor: bigint };
  paymentToken: string;
}

/** Above what a good call needs on a busy machine, and short enough for tests that wait for it. */
const providerTimeoutMs = 600;

/** Starts services and the sandbox provider, each knowing the other. Names must contain finance.payment. */
export async function startPaidNetwork(
  names: readonly string[],
  options: Partial<NetworkOptions> & { sandbox?: Partial<SandboxOptions> } = {},
): Promise<PaidNetwork> {
  const port = await freePort();
  const webhookSecret = `whsec_${randomBytes(16).toString('hex')}`;
  const settings = {
    'finance.payment': {
      PROVIDER_URL: `http://127.0.0.1:${port}`,
      PROVIDER_WEBHOOK_SECRET: webhookSecret,
      PROVIDER_TIMEOUT_MS: String(providerTimeoutMs),
    },
    ...options.settings,
  };
  const network = await startNetwork(names, { ...options, settings });
  const databaseUrl = new URL(inject('servers').databaseUrl);
  const [{ name }] = await network.sql<[{ name: string }]>`select current_database() as name`;
  databaseUrl.pathname = `/${name}`;
  const start = () =>
    startSandbox({
      databaseUrl: databaseUrl.toString(),
      port,
      webhookTarget: `grpc://${network.service('finance.payment').address}`,
      webhookSecret,
      clock: network.clock,
      ...options.sandbox,
    });
  let sandbox = await start();
  let isRunning = true;

  async function stopProvider(): Promise<void> {
    if (isRunning) await sandbox.stop();
    isRunning = false;
  }

  async function settle(): Promise<void> {
    await network.settle();
    await sandbox.settled();
    await network.settle();
  }

  const payments = () =>
    network.client(PaymentService, 'finance.payment', { service: 'commerce.order' });

  return {
    network,
    settings,
    databaseUrl: databaseUrl.toString(),
    payments,
    asked: (paymentToken = 'tok_visa', amountMinor = 1999n) => ({
      requestId: uuidv7(),
      orderId: uuidv7(),
      userId: uuidv7(),
      amount: { currencyCode: 'EUR', amountMinor },
      paymentToken,
    }),
    async paymentOf(value) {
      const { payment } = await payments().getPayment({ key: { case: 'orderId', value } });
      return payment!;
    },
    async chargesOf(orderId) {
      const [row] = await network.sql`
        select count(*)::integer as count from sandbox_provider.operation o
        join finance_payment.payment p on o.key in (p.payment_id || ':charge', p.payment_id || ':authorize')
        where p.order_id = ${orderId} and o.captured_minor > 0`;
      return row!.count;
    },
    get sandbox() {
      return sandbox;
    },
    stopProvider,
    async startProvider() {
      sandbox = await start();
      isRunning = true;
    },
    settle,
    async expectBalanced() {
      await settle();
      const totals = await network.sql`
        select currency, sum(captured_minor)::text as captured_minor,
          sum(refunded_minor)::text as refunded_minor, count(*)::integer as charge_count
        from finance_payment.payment where captured_minor > 0 and account_id is null
        group by currency`;
      const ours = Object.fromEntries(totals.map(({ currency, ...total }) => [currency, total]));
      expect(ours).toEqual(await sandbox.summary());
      const open =
        await network.sql`select * from finance_payment.payment where due_at is not null`;
      expect(open).toHaveLength(0);
      const contradictions = await network.sql`
        select * from finance_payment.provider_fact where verdict in ('ILLEGAL', 'WAITING')`;
      expect(contradictions).toHaveLength(0);
    },
    async stop() {
      await stopProvider();
      await network.stop();
    },
  };
}
