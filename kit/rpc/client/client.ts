import {
  create,
  type DescMessage,
  type DescMethod,
  type DescService,
  type Message,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import { meshErrorDomain, RpcError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { Cancellation, currentScope, type Scope } from '../../scope.ts';
import { clientCalls } from '../../telemetry/metrics.ts';
import { formatTraceparent, type Span, startSpan } from '../../telemetry/trace.ts';
import type { Metadata } from '../engine.ts';
import { pathOf, policyOf } from '../policy.ts';
import { serviceTokenHeader } from '../server/interceptors/identity.ts';
import { toOriginHeaders } from '../server/origin.ts';
import type { Channel, OutgoingCall } from './channel.ts';

/** What a single call may ask for itself. */
export interface CallOptions {
  /** Milliseconds; the default is the method's, and never more than what the caller's own call has left. */
  timeoutMs?: number;
  /** Ends the call when it aborts. Calls made inside a handler also end with that handler's own call. */
  signal?: AbortSignal;
  /** Further request headers, such as `authorization`. */
  headers?: Metadata;
}

/** A typed client of one service: one function per method. Failures are RpcErrors. */
export type Client<Service extends DescService> = {
  [Name in keyof Service['method']]: ClientMethod<Service['method'][Name]>;
};

type ClientMethod<Method> = Method extends {
  methodKind: infer Kind;
  input: infer Input extends DescMessage;
  output: infer Output extends DescMessage;
}
  ? Kind extends 'unary'
    ? (request: MessageInitShape<Input>, options?: CallOptions) => Promise<MessageShape<Output>>
    : Kind extends 'server_streaming'
      ? (
          request: MessageInitShape<Input>,
          options?: CallOptions,
        ) => AsyncIterable<MessageShape<Output>>
      : Kind extends 'client_streaming'
        ? (
            requests: AsyncIterable<MessageInitShape<Input>>,
            options?: CallOptions,
          ) => Promise<MessageShape<Output>>
        : (
            requests: AsyncIterable<MessageInitShape<Input>>,
            options?: CallOptions,
          ) => AsyncIterable<MessageShape<Output>>
  : never;

/** In whose name a client calls. */
export interface ClientOptions {
  /** Says which service calls; absent for people and tools. Asked for each call, so that it may be renewed. */
  serviceToken?: () => string | undefined;
  /** Whether calls carry on the token of the person whose call is being answered, and where that came from (the gateway). */
  forwardsUser?: boolean;
}

/**
 * Makes the typed client of a service. Every call gets a deadline (its own, the method's default, or what is left of
 * the call being answered, whichever ends first), the trace, and this service's identity; it ends when the call being
 * answered ends. The channel does the rest: balancing, and retries where the contract allows them.
 */
export function createClient<Service extends DescService>(
  service: Service,
  channel: Channel,
  options: ClientOptions = {},
): Client<Service> {
  const methods: Record<string, unknown> = {};
  for (const method of service.methods) {
    methods[method.localName] = createMethod(method, channel, options);
  }
  return methods as Client<Service>;
}

type AnyInit = MessageInitShape<DescMessage>;

function createMethod(method: DescMethod, channel: Channel, options: ClientOptions) {
  const path = pathOf(method);
  const { deadlineMs } = policyOf(method);
  const record = clientCalls(method);

  function begin(callOptions: CallOptions | undefined): Begun {
    const scope = currentScope();
    const startedAt = performance.now();
    const deadlineAt = deadlineOf(scope, callOptions?.timeoutMs ?? deadlineMs);
    const span = startSpan(path, 'client', scope?.trace);
    const metadata: Metadata = { ...callOptions?.headers };
    metadata.traceparent = formatTraceparent(span.context);
    const token = options.serviceToken?.();
    if (token !== undefined) metadata[serviceTokenHeader] = token;
    if (options.forwardsUser) {
      if (scope?.authorization !== undefined) metadata.authorization ??= scope.authorization;
      if (scope?.origin !== undefined) Object.assign(metadata, toOriginHeaders(scope.origin));
    }
    const signal = callOptions?.signal;
    const own = signal === undefined ? undefined : joinCancellation(scope, signal);
    const cancellation = own?.cancellation ?? scope?.cancellation;
    const call: OutgoingCall = { method, path, deadlineAt, metadata, cancellation };
    return { call, span, startedAt, detach: own?.detach };
  }

  function end({ span, startedAt, detach }: Begun, error: unknown): void {
    detach?.();
    const status = error === undefined ? 'ok' : codeOf(error);
    span.end(error === undefined ? undefined : status);
    record(status, (performance.now() - startedAt) / 1000);
  }

  async function unary(request: AnyInit, callOptions?: CallOptions): Promise<Message> {
    const begun = begin(callOptions);
    try {
      const response = await channel.unary(begun.call, create(method.input, request));
      end(begun, undefined);
      return response;
    } catch (error) {
      end(begun, error);
      throw error;
    }
  }

  async function* stream(requests: AsyncIterable<AnyInit>, callOptions?: CallOptions) {
    const begun = begin(callOptions);
    let failure: unknown;
    try {
      yield* channel.stream(begun.call, toMessages(method.input, requests));
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      end(begun, failure);
    }
  }

  switch (method.methodKind) {
    case 'unary':
      return unary;
    case 'server_streaming':
      return (request: AnyInit, callOptions?: CallOptions) => stream(one(request), callOptions);
    case 'client_streaming':
      return (requests: AsyncIterable<AnyInit>, callOptions?: CallOptions) =>
        single(stream(requests, callOptions));
    default:
      return stream;
  }
}

/** A call under way, with what its end needs. */
interface Begun {
  call: OutgoingCall;
  span: Span;
  startedAt: number;
  /** Takes the call off the signal and the scope, which may outlive it by far. */
  detach: (() => void) | undefined;
}

/** What is left of the outer call, less what that call needs to answer; refused at once when that is too little. */
function deadlineOf(scope: Scope | undefined, timeoutMs: number): number {
  const now = Date.now();
  const outer = scope === undefined ? Number.POSITIVE_INFINITY : scope.deadlineAt;
  const deadlineAt = Math.min(now + timeoutMs, outer - limits.deadlineReserveMs);
  if (deadlineAt - now < limits.deadlineUsefulMsMin) {
    throw new RpcError('deadline_exceeded', 'too little of the deadline is left for this call', {
      reason: 'DEADLINE_TOO_SHORT',
      domain: meshErrorDomain,
      notProcessed: true,
    });
  }
  return deadlineAt;
}

/** A cancellation of the call's own, for one that ends with its signal as well as with the call being answered. */
function joinCancellation(scope: Scope | undefined, signal: AbortSignal) {
  const cancellation = new Cancellation();
  const cancel = () => cancellation.cancel();
  const leaveScope = scope?.cancellation?.onCancel(cancel);
  if (signal.aborted) cancel();
  else signal.addEventListener('abort', cancel, { once: true });
  const detach = () => {
    leaveScope?.();
    signal.removeEventListener('abort', cancel);
  };
  return { cancellation, detach };
}

function codeOf(error: unknown): string {
  return error instanceof RpcError ? error.code : 'unknown';
}

async function* one(request: AnyInit): AsyncIterable<AnyInit> {
  yield request;
}

async function* toMessages(schema: DescMessage, inits: AsyncIterable<AnyInit>) {
  for await (const init of inits) yield create(schema, init);
}

async function single(responses: AsyncIterable<Message>): Promise<Message> {
  let found: Message | undefined;
  for await (const response of responses) found ??= response;
  if (found === undefined) throw new RpcError('internal', 'the answer has no message');
  return found;
}
