import { type DescMessage, fromBinary, type Message, toBinary } from '@bufbuild/protobuf';
import { codes, RpcError } from '../../errors.ts';
import { atMost } from '../../within.ts';
import type { WireReply, WireStatus } from '../engine.ts';
import { policyOf } from '../policy.ts';
import { rpcErrorOfWire } from '../status.ts';
import '../write-buffer.ts';
import { type Balancer, type BalancerOptions, createBalancer } from './balancer.ts';
import type { Channel, OutgoingCall } from './channel.ts';
import type { Endpoint, Kind } from './endpoint.ts';
import { outcomeOf } from './outlier.ts';
import { sendRequests } from './request-sender.ts';
import { createRetryPolicy, type RetryPolicy } from './retry.ts';

/** The way to a service, with all that belongs to it: balancing by load and health, ejection, retries with a budget. */
export function createChannel(options: BalancerOptions & { target: string }): Channel {
  const { target } = options;
  return createWireChannel({
    target,
    balancer: createBalancer(options),
    retry: createRetryPolicy(options.random),
  });
}

/**
 * The way to a service over the wire: picks an address for each attempt, tries again where the contract and the budget
 * allow, and tells the balancer what came of it. A stream is tried again only while nothing has come back and its
 * request is at hand, which is so where the server alone streams.
 */
export function createWireChannel(options: {
  target: string;
  balancer: Balancer;
  retry: RetryPolicy;
}): Channel {
  const { target, balancer, retry } = options;

  /** The first calls may come before it is known where to: those wait for it. */
  async function firstLook(call: OutgoingCall, kind: Kind): Promise<Endpoint | undefined> {
    if (balancer.looked === undefined) return undefined;
    await atMost(call.deadlineAt - Date.now(), balancer.looked);
    return balancer.pick(kind);
  }

  async function unary(call: OutgoingCall, request: Message): Promise<Message> {
    const body = toBinary(call.method.input, request);
    const { isRepeatable, deadlineMs } = policyOf(call.method);
    const grantedMs = call.deadlineAt - Date.now();
    let endpoint: Endpoint | undefined;
    for (let attempts = 1; ; attempts += 1) {
      endpoint = balancer.pick('call', endpoint) ?? (await firstLook(call, 'call'));
      if (endpoint === undefined) throw rpcErrorOfWire(noAddress(target));
      const reply = await endpoint.connection.unary(call, body);
      endpoint.settle('call', outcomeOf(reply, grantedMs, deadlineMs));
      if (reply.code === codes.ok) {
        retry.succeeded();
        return decode(call.method.output, reply.body!);
      }
      const waitMs = retry.next({ call, reply, attempts, isRepeatable });
      if (waitMs === undefined) throw rpcErrorOfWire(reply);
      if (waitMs > 0) await pause(waitMs, call);
    }
  }

  async function* stream(call: OutgoingCall, requests: AsyncIterable<Message>) {
    const { isRepeatable } = policyOf(call.method);
    const canReplay = call.method.methodKind === 'server_streaming';
    const source = canReplay ? await collect(requests) : requests;
    let endpoint: Endpoint | undefined;
    for (let attempts = 1; ; attempts += 1) {
      endpoint = balancer.pick('stream', endpoint) ?? (await firstLook(call, 'stream'));
      if (endpoint === undefined) throw rpcErrorOfWire(noAddress(target));
      let isFirst = true;
      const status = yield* attempt(call, endpoint, source, () => {
        isFirst = false;
      });
      if (status.code === codes.ok) return retry.succeeded();
      const mayRetry = canReplay && isFirst;
      const waitMs = mayRetry
        ? retry.next({ call, reply: status, attempts, isRepeatable })
        : undefined;
      if (waitMs === undefined) throw rpcErrorOfWire(status);
      if (waitMs > 0) await pause(waitMs, call);
    }
  }

  /** One stream to one address; answers how it ended. */
  async function* attempt(
    call: OutgoingCall,
    endpoint: Endpoint,
    requests: AsyncIterable<Message>,
    onMessage: () => void,
  ): AsyncGenerator<Message, WireStatus> {
    const wire = endpoint.connection.stream(call);
    const sender = sendRequests(wire, call.method.input, requests);
    let status: WireStatus | undefined;
    try {
      for await (const body of wire.bodies) {
        onMessage();
        yield decode(call.method.output, body);
      }
      status = await wire.status;
    } finally {
      sender.stop();
      wire.cancel();
      // The deadline of a stream is its longest life: to reach it is no fault.
      const outcome = status && outcomeOf(status, 0, Number.POSITIVE_INFINITY);
      endpoint.settle('stream', outcome ?? 'neutral');
    }
    if (sender.failure !== undefined) throw sender.failure.error;
    return status;
  }

  return { target, unary, stream, close: () => balancer.close() };
}

/** The requests of a call as something that can be sent again. */
async function collect(requests: AsyncIterable<Message>): Promise<AsyncIterable<Message>> {
  const all: Message[] = [];
  for await (const request of requests) all.push(request);
  return {
    async *[Symbol.asyncIterator]() {
      yield* all;
    },
  };
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
    message: `${target} has no address`,
    details: undefined,
    trailers: {},
    notProcessed: true,
    body: undefined,
  };
}

/** Waits before the next attempt. Throws when the caller gives up meanwhile. */
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
