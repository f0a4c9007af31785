/** Runs a call through the interceptors and into its handler. Every transport, the direct call included, ends here. */
import {
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type Message,
  type MessageInitShape,
  toBinary,
} from '@bufbuild/protobuf';
import { codes } from '../errors.ts';
import { FieldsInvalid } from '../mesh-errors.ts';
import { runInScope } from '../scope.ts';
import { ServerCall } from './call.ts';
import type { Dispatcher, Inbound, InboundStream, Reply, ReplyStatus } from './engine.ts';
import type { Implementation } from './handlers.ts';
import type { ServerInterceptor } from './interceptor.ts';
import { mapError } from './interceptors/error-mapping.ts';
import { type Policy, pathOf, policyOf } from './policy.ts';

export interface DispatcherOptions {
  implementations: readonly Implementation[];
  interceptors: readonly ServerInterceptor[];
  /** Whether refusals of other services are passed on as they came (the gateway). */
  forwardsErrors: boolean;
}

/** A call that stays in the process: messages in, messages out, everything else as over the wire. */
export type DirectReply = { message: Message; status?: undefined } | { status: ReplyStatus };

export interface MessageDispatcher extends Dispatcher {
  unaryDirect(inbound: Inbound, request: Message): Promise<DirectReply>;
  streamDirect(
    inbound: Inbound,
    requests: AsyncIterable<Message>,
    send: (message: Message) => Promise<void>,
  ): Promise<ReplyStatus>;
  readonly openStreams: ReadonlySet<ServerCall>;
}

interface Entry {
  path: string;
  method: DescMethod;
  policy: Policy;
  // biome-ignore lint/suspicious/noExplicitAny: typed by Handlers<Service>, where it was written.
  handler: (request: any, call: ServerCall) => any;
}

export function createDispatcher(options: DispatcherOptions): MessageDispatcher {
  const entries = new Map<string, Entry>();
  for (const { service, handlers } of options.implementations) {
    for (const method of service.methods) {
      const path = pathOf(method);
      const handler = handlers[method.localName]!.bind(handlers);
      entries.set(path, { path, method, policy: policyOf(method), handler });
    }
  }
  const chain = options.interceptors;
  const openStreams = new Set<ServerCall>();

  async function start(call: ServerCall, progress: { reached: number }): Promise<void> {
    for (const interceptor of chain) {
      progress.reached += 1;
      const pending = interceptor.start?.(call);
      if (pending !== undefined) await pending;
    }
  }

  async function checkRequest(call: ServerCall, request: Message): Promise<void> {
    for (const interceptor of chain) {
      const pending = interceptor.request?.(call, request);
      if (pending !== undefined) await pending;
    }
  }

  function fail(call: ServerCall, error: unknown): ReplyStatus {
    const status = mapError(call, error, options.forwardsErrors);
    call.error = error;
    call.code = status.code;
    return status;
  }

  function finish(call: ServerCall, reached: number): void {
    for (let i = reached - 1; i >= 0; i -= 1) chain[i]!.end?.(call);
  }

  async function unary<Answer>(
    inbound: Inbound,
    read: (entry: Entry) => Message,
    write: (entry: Entry, response: MessageInitShape<DescMessage>) => Answer,
  ): Promise<{ answer: Answer; status?: undefined } | { status: ReplyStatus }> {
    const entry = entries.get(inbound.path);
    if (entry === undefined) return { status: unimplemented(inbound.path) };
    const call = new ServerCall(entry.method, entry.policy, entry.path, inbound);
    const progress = { reached: 0 };
    try {
      await start(call, progress);
      const request = read(entry);
      await checkRequest(call, request);
      const response = runInScope(call, () => entry.handler(request, call));
      return { answer: write(entry, await untilExpired(call, response)) };
    } catch (error) {
      return { status: fail(call, error) };
    } finally {
      finish(call, progress.reached);
    }
  }

  async function stream(
    inbound: Inbound,
    readAll: (entry: Entry) => AsyncIterable<Message>,
    send: (entry: Entry, response: MessageInitShape<DescMessage>) => Promise<void>,
  ): Promise<ReplyStatus> {
    const entry = entries.get(inbound.path);
    if (entry === undefined) return unimplemented(inbound.path);
    const call = new ServerCall(entry.method, entry.policy, entry.path, inbound);
    const progress = { reached: 0 };
    try {
      await start(call, progress);
      openStreams.add(call);
      const requests = checked(call, readAll(entry));
      const input = isClientStream(entry.method) ? requests : await only(requests);
      const output = runInScope(call, () => entry.handler(input, call));
      if (Symbol.asyncIterator in output) await pump(call, entry, output, send);
      else await send(entry, await untilEnded(call, output));
      if (call.isExpired || call.isDrained) throw new CallEnded();
      return okStatus;
    } catch (error) {
      return fail(call, error);
    } finally {
      openStreams.delete(call);
      call.cancellation.cancel();
      finish(call, progress.reached);
    }
  }

  async function* checked(call: ServerCall, messages: AsyncIterable<Message>) {
    for await (const message of messages) {
      await checkRequest(call, message);
      yield message;
    }
  }

  return {
    methods: [...entries.values()].map(({ path, method }) => ({
      path,
      kind: method.methodKind === 'unary' ? 'unary' : 'stream',
    })),
    openStreams,
    async unary(inbound, body): Promise<Reply> {
      const out = await unary(inbound, (entry) => decode(entry.method.input, body), encode);
      return out.status === undefined ? { body: out.answer } : out;
    },
    async unaryDirect(inbound, request): Promise<DirectReply> {
      const out = await unary(inbound, () => request, toMessage);
      return out.status === undefined ? { message: out.answer } : out;
    },
    stream: (inbound: InboundStream) =>
      stream(
        inbound,
        (entry) => decodeAll(entry.method.input, inbound.bodies),
        (entry, response) => inbound.send(encode(entry, response)),
      ),
    streamDirect: (inbound, requests, send) =>
      stream(
        inbound,
        () => requests,
        (entry, response) => send(toMessage(entry, response)),
      ),
  };
}

class CallEnded extends Error {}

const okStatus: ReplyStatus = { code: 0, message: '', details: undefined, trailers: undefined };

function unimplemented(path: string): ReplyStatus {
  return { ...okStatus, code: codes.unimplemented, message: `no method ${path} here` };
}

function toMessage(entry: Entry, response: MessageInitShape<DescMessage>): Message {
  return create(entry.method.output, response);
}

function encode(entry: Entry, response: MessageInitShape<DescMessage>): Uint8Array {
  return toBinary(entry.method.output, toMessage(entry, response));
}

function decode(schema: DescMessage, body: Uint8Array): Message {
  try {
    return fromBinary(schema, body);
  } catch {
    const description = 'the bytes are not a message of this type';
    throw new FieldsInvalid([{ field: '', description: `${schema.typeName}: ${description}` }]);
  }
}

async function* decodeAll(schema: DescMessage, bodies: AsyncIterable<Uint8Array>) {
  for await (const body of bodies) yield decode(schema, body);
}

function isClientStream(method: DescMethod): boolean {
  return method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming';
}

async function only(requests: AsyncIterable<Message>): Promise<Message> {
  for await (const request of requests) return request;
  throw new FieldsInvalid([{ field: '', description: 'the call brought no request' }]);
}

/** Engines end calls whose deadline they know; a deadline that was set here ends the wait, not the handler. */
function untilExpired<Response>(
  call: ServerCall,
  response: Response,
): Response | Promise<Response> {
  return call.hasExpiry ? untilEnded(call, response) : response;
}

async function untilEnded<Response>(call: ServerCall, response: Response): Promise<Response> {
  const ended = call.ended().then(() => {
    throw new CallEnded();
  });
  return (await Promise.race([response, ended])) as Response;
}

/** Sends what a handler yields until it ends, or until nobody listens; then the handler's iterator is closed. */
async function pump(
  call: ServerCall,
  entry: Entry,
  output: AsyncIterable<MessageInitShape<DescMessage>>,
  send: (entry: Entry, response: MessageInitShape<DescMessage>) => Promise<void>,
): Promise<void> {
  const iterator = output[Symbol.asyncIterator]();
  const ended = call.ended().then(() => undefined);
  for (;;) {
    const next = runInScope(call, () => iterator.next());
    const step = await Promise.race([next, ended]);
    if (step === undefined) {
      // The handler may still wait for something: it is told, and its late failure is nobody's.
      next.catch(() => {});
      void iterator.return?.()?.catch(() => {});
      throw new CallEnded();
    }
    if (step.done) return;
    await send(entry, step.value);
  }
}
