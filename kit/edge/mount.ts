/** Mounts a dispatcher on connect-node: the same handlers and interceptors, reached as gRPC, gRPC-Web and Connect. */
import type { DescMethod, DescService, Message } from '@bufbuild/protobuf';
import { fromBinary } from '@bufbuild/protobuf';
import {
  Code,
  ConnectError,
  type ConnectRouter,
  createContextKey,
  createContextValues,
  type HandlerContext,
} from '@connectrpc/connect';
import { StatusSchema } from '#gen/google/rpc/status_pb.ts';
import type { Inbound, Metadata, ReplyStatus } from '../rpc/engine.ts';
import { pathOf } from '../rpc/policy.ts';
import { createQueue, sendInto } from '../rpc/queue.ts';
import type { MessageDispatcher } from '../rpc/server/dispatcher.ts';
import { serviceTokenHeader } from '../rpc/server/interceptors/identity.ts';
import { originHeaders } from '../rpc/server/origin.ts';
import { Cancellation } from '../scope.ts';

/** Where a request came from, for rate limits: "192.0.2.1:0". Set by the listener. */
export const peerAddressKey = createContextKey('unknown:0', { description: 'peer address' });

/** Tells the handlers of a request where it came from: `address` is host and port. */
export function contextValuesOf(address: string) {
  return createContextValues().set(peerAddressKey, address);
}

/** Registers every service on a connect-node router. */
export function mountServices(
  router: ConnectRouter,
  services: readonly DescService[],
  dispatcher: MessageDispatcher,
): void {
  for (const service of services) {
    const handlers: Record<string, unknown> = {};
    for (const method of service.methods)
      handlers[method.localName] = handlerOf(method, dispatcher);
    router.service(service, handlers as never);
  }
}

function handlerOf(method: DescMethod, dispatcher: MessageDispatcher) {
  const path = pathOf(method);
  switch (method.methodKind) {
    case 'unary':
      return async (request: Message, context: HandlerContext) => {
        const reply = await dispatcher.unaryDirect(toInbound(path, context), request);
        if (reply.status !== undefined) throw toConnectError(reply.status);
        return reply.body;
      };
    case 'server_streaming':
      return (request: Message, context: HandlerContext) =>
        stream(dispatcher, toInbound(path, context), one(request));
    case 'client_streaming':
      return async (requests: AsyncIterable<Message>, context: HandlerContext) => {
        for await (const message of stream(dispatcher, toInbound(path, context), requests)) {
          return message;
        }
        throw new ConnectError('the answer has no message', Code.Internal);
      };
    default:
      return (requests: AsyncIterable<Message>, context: HandlerContext) =>
        stream(dispatcher, toInbound(path, context), requests);
  }
}

function toInbound(path: string, context: HandlerContext): Inbound {
  const cancellation = new Cancellation();
  context.signal.addEventListener('abort', () => cancellation.cancel(), { once: true });
  const leftMs = context.timeoutMs();
  return {
    path,
    metadata: toMetadata(context.requestHeader),
    deadlineAt: leftMs === undefined ? Number.POSITIVE_INFINITY : Date.now() + leftMs,
    peer: { address: context.values.get(peerAddressKey), names: [] },
    cancellation,
  };
}

/** Headers that only the mesh itself may set: a stranger must not say that it is a service. */
const internalHeaders = new Set([serviceTokenHeader, ...Object.values(originHeaders)]);

function toMetadata(headers: Headers): Metadata {
  const out: Metadata = {};
  headers.forEach((value, key) => {
    if (!internalHeaders.has(key)) out[key] = value;
  });
  return out;
}

async function* stream(
  dispatcher: MessageDispatcher,
  inbound: Inbound,
  requests: AsyncIterable<Message>,
): AsyncGenerator<Message> {
  const answers = createQueue<Message>();
  const send = sendInto(answers, inbound.cancellation);
  void dispatcher.streamDirect(inbound, requests, send).then((status) => {
    if (status.code === 0) answers.end();
    else answers.fail(toConnectError(status));
  });
  try {
    yield* answers;
  } finally {
    inbound.cancellation.cancel();
  }
}

async function* one(message: Message): AsyncGenerator<Message> {
  yield message;
}

/** A status as connect-node sends it on, its details byte for byte. */
function toConnectError(status: ReplyStatus): ConnectError {
  // A half of a surrogate pair would make connect-node throw while it encodes the text.
  const error = new ConnectError(status.message.toWellFormed(), status.code as Code);
  if (status.details !== undefined) {
    error.details = fromBinary(StatusSchema, status.details).details.map(({ typeUrl, value }) => ({
      type: typeUrl.slice(typeUrl.lastIndexOf('/') + 1),
      value,
    }));
  }
  return error;
}
