import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { OrderService } from '#gen/commerce/order/v1/order_pb.ts';
import { RpcError } from '#kit/errors.ts';
import type { Network } from '#kit/testing/network.ts';
import { type Proxy, startProxy } from '#kit/testing/proxy.ts';
import { shopServices } from '#services/commerce/order/testing.ts';
import { startPaidNetwork } from '#services/finance/payment/sandbox/testing.ts';

/** What the contract allows a person of ListOrders in a minute. */
const callsMax = 300;
let paid: Awaited<ReturnType<typeof startPaidNetwork>>;
let network: Network;
let redis: Proxy;

beforeAll(async () => {
  redis = await startProxy(inject('servers').redisUrl);
  paid = await startPaidNetwork([...shopServices, 'platform.gateway'], { redisUrl: redis.url });
  ({ network } = paid);
});
afterAll(async () => {
  await paid.stop();
  await redis.stop();
});

/** Lists a person's orders so often, and counts what came of it. */
async function list(headers: Record<string, string>, count: number) {
  const orders = network.client(OrderService, 'platform.gateway');
  const outcomes = { answered: 0, limited: 0 };
  for (let i = 0; i < count; i += 1) {
    try {
      await orders.listOrders({ pageSize: 1 }, { headers });
      outcomes.answered += 1;
    } catch (error) {
      if (!(error instanceof RpcError && error.reason === 'RATE_LIMITED')) throw error;
      expect(Number(error.metadata.retry_after_ms)).toBeGreaterThan(0);
      outcomes.limited += 1;
    }
  }
  return outcomes;
}

test.each(['cut', 'hush'] as const)(
  'the door stays open while Redis is away (%s), and nobody takes more than their limit',
  async (how) => {
    const { headers } = await network.person();
    expect(await list(headers, 5)).toEqual({ answered: 5, limited: 0 });
    redis[how]();
    const during = await Promise.all(Array.from({ length: 8 }, () => list(headers, 50)));
    redis.mend();
    const answered = during.reduce((sum, each) => sum + each.answered, 0);
    // Each process counts for itself then: the door anew, the service behind it with the five from before.
    expect(answered).toBeGreaterThanOrEqual(callsMax - 5);
    expect(answered).toBeLessThan(400);
    const { headers: another } = await network.person();
    expect(await list(another, 5)).toEqual({ answered: 5, limited: 0 });
  },
);
