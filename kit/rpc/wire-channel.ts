import { type DescMessage, fromBinary, type Message, toBinary } from '@bufbuild/protobuf';
import { codes, RpcError } from '../errors.ts';
import type { Balancer, Endpoint } from './balancer.ts';
import type { Channel, OutgoingCall } from './channel.ts';
import type { WireReply, WireStatus } from './engine.ts';
import { policyOf } from './policy.ts';
import { sendRequests } from './request-sender.ts';
import type { RetryPolicy } from './retry.ts';
import { rpcErrorOfWire } from './status.ts';

/**
 * The way to a service over the wire: picks an address for each attempt, tries again where the contract and the budget
 * allow, and tells the balancer what came of it. Source: facts measured on grpc-js, whose own policy is not used.
 */
export function createWireChannel(options: {
  target: string;
  balancer: Balancer;
  retry: RetryPolicy;
}): Channel {
  const { target, balancer, retry } = options;

  async function attempt(call: OutgoingCall, endpoint: Endpoint, body: Uint8Array) {
    const reply = await endpoint.connection.unary(call, body);
    endpoint.report(reply.code);
    return reply;
  }

  async function unary(call: OutgoingCall, request: Message): Promise<Message> {
    const body = toBinary(call.method.input, request);
    const isRepeatable = policyOf(call.method).isRepeatable;
    let tried: Endpoint | undefined;
    for (let attempts = 1; ; attempts += 1) {
      tried = balancer.pick(tried);
      const reply = tried === undefined ? noAddress(target) : await attempt(call, tried, body);
      if (reply.code === codes.ok) {
        retry.succeeded();
        return decode(call.method.output, reply.body!);
      }
      const waitMs = retry.next({ call, reply, attempts, isRepeatable });
      if (waitMs === undefined) throw rpcErrorOfWire(reply);
      await pause(waitMs, call);
    }
  }

  async function* stream(call: OutgoingCall, requests: AsyncIterable<Message>) {
    const endpoint = balancer.pick(undefined);
    if (endpoint === undefined) throw rpcErrorOfWire(noAddress(target));
    const wire = endpoint.connection.stream(call);
    const sender = sendRequests(wire, call.method.input, requests);
    let status: WireStatus | undefined;
    try {
      for await (const body of wire.bodies) yield decode(call.method.output, body);
      status = await wire.status;
    } finally {
      sender.stop();
      wire.cancel();
      if (status === undefined) endpoint.release();
      else endpoint.report(status.code);
    }
    if (sender.failure !== undefined) throw sender.failure.error;
    if (status.code !== codes.ok) throw rpcErrorOfWire(status);
  }

  return { target, unary, stream, close: () => balancer.close() };
}

/** A peer that sends what is no message has another contract, or is broken: INTERNAL, as for every broken promise. */
function decode(schema: DescMessage, body: Uint8Array): Message {
  try {
    return fromBinary(schema, body);
  } catch (cause) {
    throw new RpcError('internal', `the answer is not a ${schema.typeName}`, { cause });
  }
}

function noAddress(target: string): WireReply {
  return {
    code: codes.unavailable,
    message: `${target} has no address that serves`,
    details: undefined,
    trailers: {},
    notProcessed: true,
    body: undefined,
  };
}

function pause(ms: number, call: OutgoingCall): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      unsubscribe?.();
      resolve();
    }, ms);
    const unsubscribe = call.cancellation?.onCancel(() => {
      clearTimeout(timer);
      reject(new RpcError('cancelled', 'cancelled by the caller'));
    });
  });
}
