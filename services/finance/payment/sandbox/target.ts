import { PaymentService } from '#gen/finance/payment/v1/payment_pb.ts';
import { createWays } from '#kit/host/placement.ts';
import { createClient } from '#kit/rpc/client/client.ts';
import { grpcJsEngine } from '#kit/rpc/grpc-js/engine.ts';
import type { Deliver } from './webhooks.ts';

const deliverMsMax = 5_000;

/**
 * The way to whoever hears the events: `grpc://host:port` calls HandleProviderEvent of a payment service itself,
 * `http://host:port` posts it as Connect JSON, which is what the gateway takes.
 */
export function targetOf(url: string): { deliver: Deliver; close(): void } {
  return url.startsWith('grpc:') ? grpcTarget(new URL(url).host) : httpTarget(url);
}

function grpcTarget(address: string) {
  const ways = createWays({
    transport: 'wire',
    engine: grpcJsEngine,
    addressesOf: () => [address],
    dispatcherOf: () => {
      throw new Error('no service lives in this process');
    },
  });
  const channel = ways(undefined, 'finance.payment');
  const client = createClient(PaymentService, channel);
  const deliver: Deliver = async (payload, signature) => {
    await client.handleProviderEvent({ payload, signature }, { timeoutMs: deliverMsMax });
  };
  return { deliver, close: () => channel.close() };
}

function httpTarget(base: string) {
  const { typeName, method } = PaymentService;
  const url = new URL(`/${typeName}/${method.handleProviderEvent.name}`, base);
  const deliver: Deliver = async (payload, signature) => {
    // Loaded by the first event, for most sandboxes speak gRPC to the service itself.
    const { request } = await import('undici');
    const { statusCode, body } = await request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ payload: Buffer.from(payload).toString('base64'), signature }),
      headersTimeout: deliverMsMax,
    });
    await body.dump();
    if (statusCode !== 200) throw new Error(`the target answered ${statusCode}`);
  };
  return { deliver, close: () => {} };
}
