/** Networks with a card provider, for tests of this service and of those that call it. */
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { expect, inject } from 'vitest';
import type { Network, NetworkOptions } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';
import { type Sandbox, type SandboxOptions, startSandbox } from './sandbox.ts';

export interface PaidNetwork {
  network: Network;
  readonly sandbox: Sandbox;
  /** The settings of finance.payment, for networks that join this one. */
  settings: Record<string, Record<string, string>>;
  /** Ends the provider, and starts it again where it was, with what it remembers. */
  stopProvider(): Promise<void>;
  startProvider(): Promise<void>;
  /** Resolves when all events are heard and all work is done. */
  settle(): Promise<void>;
  /** Every payment is final, or held; and the provider has taken and given back exactly what the payments say. */
  expectBalanced(): Promise<void>;
  stop(): Promise<void>;
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

  return {
    network,
    settings,
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
        from finance_payment.payment where captured_minor > 0 group by currency`;
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

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}
