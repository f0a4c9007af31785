/** Runs a call through the interceptors and into its handler. Every transport, the direct call included, ends here. */
import type { DescMessage, DescMethod, Message, MessageInitShape } from '@bufbuild/protobuf';
import { codes } from '../errors.ts';
import { FieldsInvalid } from '../mesh-errors.ts';
import { runInScope } from '../scope.ts';
import { createBusyCount } from './busy-count.ts';
import { ServerCall } from './call.ts';
import { bytesForm, type Form, messageForm } from './codec.ts';
import type { Dispatcher, Inbound, ReplyStatus } from './engine.ts';
import type { Implementation } from './handlers.ts';
import type { ServerInterceptor } from './interceptor.ts';
import { mapError } from './interceptors/error-mapping.ts';
import { type Policy, pathOf, policyOf } from './policy.ts';
import { notProcessedTrailers } from './status.ts';

/** What a dispatcher answers with, and what stands before it. */
export interface DispatcherOptions {
  implementations: readonly Implementation[];
  interceptors: readonly ServerInterceptor[];
  /** Whether refusals of other services are passed on as they came (the gateway). */
  forwardsErrors: boolean;
}

/** The answer of a unary call: a response as bytes or as a message, or how it was refused. */
export type Answer<Body> = { body: Body; status?: undefined } | { status: ReplyStatus };

/** A dispatcher that also takes messages as they are, and that a server can drain. */
export interface MessageDispatcher extends Dispatcher {
  /** A call that stays in the process: messages in, messages out, everything else as over the wire. */
  unaryDirect(inbound: Inbound, request: Message): Promise<Answer<Message>>;
  streamDirect(
    inbound: Inbound,
    requests: AsyncIterable<Message>,
    send: (message: Message) => Promise<void>,
  ): Promise<ReplyStatus>;
  /** Takes further services in, before the next listener begins. Throws PolicyMissing when a method has no policy. */
  offer(implementations: readonly Implementation[]): void;
  readonly openStreams: ReadonlySet<ServerCall>;
  /** Resolves when no handler works any more, those whose callers have gone included. */
  idle(): Promise<void>;
}

interface Entry {
  path: string;
  method: DescMethod;
  policy: Policy;
  // biome-ignore lint/suspicious/noExplicitAny: typed by Handlers<Service>, where it was written.
  handler: (request: any, call: ServerCall) => any;
}

/**
 * Builds the pipeline of a server: for each call the interceptors in order, the handler in the scope of the call, and the
 * interceptors' ends in reverse. Throws PolicyMissing when a method has no policy.
 */
export function createDispatcher(options: DispatcherOptions): MessageDispatcher {
  const entries = new Map<string, Entry>();
  const chain = options.interceptors;
  const openStreams = new Set<ServerCall>();
  const busy = createBusyCount();

  function offer(implementations: readonly Implementation[]): void {
    for (const { service, handlers } of implementations) {
      for (const method of service.methods) {
        const path = pathOf(method);
        const handler = handlers[method.localName]!.bind(handlers);
        entries.set(path, { path, method, policy: policyOf(method), handler });
      }
    }
  }

  /** Goes on from the interceptor that was reached; answers a promise only when one of them does. */
  function start(call: ServerCall): void | Promise<void> {
    while (call.reached < chain.length) {
      const interceptor = chain[call.reached]!;
      call.reached += 1;
      const pending = interceptor.start?.(call);
      if (pending !== undefined) return pending.then(() => start(call));
    }
  }

  function check(call: ServerCall, request: Message): void | Promise<void> {
    for (let i = 0; i < chain.length; i += 1) {
      const pending = chain[i]!.request?.(call, request);
      if (pending !== undefined) return checkRest(call, request, pending, i + 1);
    }
  }

  /** Apart from `check`, for a closure in a loop would cost every call an object per turn. */
  async function checkRest(
    call: ServerCall,
    request: Message,
    pending: Promise<void>,
    from: number,
  ): Promise<void> {
    await pending;
    for (const interceptor of chain.slice(from)) await interceptor.request?.(call, request);
  }

  function fail(call: ServerCall, error: unknown): ReplyStatus {
    const status = mapError(call, error, options.forwardsErrors);
    call.error = error;
    call.code = status.code;
    if (status.code === codes.unavailable && !call.isBegun) {
      return { ...status, trailers: notProcessedTrailers };
    }
    return status;
  }

  function finish(call: ServerCall): void {
    for (let i = call.reached - 1; i >= 0; i -= 1) chain[i]!.end?.(call);
  }

  /** Waits for the work of a handler, or until nobody waits for the call: then the work is left to itself. */
  function whileWanted<Result>(call: ServerCall, work: Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const unsubscribe = call.cancellation.onCancel(() => {
        busy.track(work);
        reject(new CallEnded());
      });
      work.then(
        (result) => {
          unsubscribe();
          resolve(result);
        },
        (error) => {
          unsubscribe();
          reject(error);
        },
      );
    });
  }

  async function unary<Body>(
    form: Form<Body>,
    inbound: Inbound,
    body: Body,
  ): Promise<Answer<Body>> {
    const entry = entries.get(inbound.path);
    if (entry === undefined) return { status: unimplemented(inbound.path) };
    const call = new ServerCall(entry.method, entry.policy, entry.path, inbound);
    busy.enter();
    try {
      const starting = start(call);
      if (starting !== undefined) await starting;
      const request = form.read(entry.method.input, body);
      const checking = check(call, request);
      if (checking !== undefined) await checking;
      call.isBegun = true;
      const response = runInScope(call, () => entry.handler(request, call));
      if (!isPromise(response)) return { body: form.write(entry.method.output, response) };
      // Engines end calls whose deadline they know; a deadline that was set here ends the wait, not the handler.
      const awaited = await (call.hasExpiry ? whileWanted(call, response) : response);
      return { body: form.write(entry.method.output, awaited) };
    } catch (error) {
      return { status: fail(call, error) };
    } finally {
      finish(call);
      busy.leave();
    }
  }

  async function stream<Body>(
    form: Form<Body>,
    inbound: Inbound,
    bodies: AsyncIterable<Body>,
    send: (body: Body) => Promise<void>,
  ): Promise<ReplyStatus> {
    const entry = entries.get(inbound.path);
    if (entry === undefined) return unimplemented(inbound.path);
    const call = new ServerCall(entry.method, entry.policy, entry.path, inbound);
    const requests = requestsOf(form, call, bodies);
    // From the start on: what ends streams must not miss one that is being let in.
    openStreams.add(call);
    busy.enter();
    try {
      const starting = start(call);
      if (starting !== undefined) await starting;
      const input = isClientStream(entry.method) ? requests : await only(requests);
      call.isBegun = true;
      const output = runInScope(call, () => entry.handler(input, call));
      const write = (response: Message) => send(form.write(entry.method.output, response));
      if (isServerStream(entry.method)) await pump(call, output, write);
      else await write(await whileWanted(call, output));
      if (call.isExpired || call.endedBy !== undefined) throw new CallEnded();
      return okStatus;
    } catch (error) {
      return fail(call, error);
    } finally {
      openStreams.delete(call);
      call.cancellation.cancel();
      void requests.return(undefined);
      finish(call);
      busy.leave();
    }
  }

  /** The requests as the handler reads them. A call that broke off throws: what came must not look complete. */
  async function* requestsOf<Body>(
    form: Form<Body>,
    call: ServerCall,
    bodies: AsyncIterable<Body>,
  ): AsyncGenerator<Message, void, undefined> {
    const iterator = bodies[Symbol.asyncIterator]();
    try {
      for (;;) {
        const step = await whileWanted(call, iterator.next());
        if (step.done) return;
        const request = form.read(call.method.input, step.value);
        const checking = check(call, request);
        if (checking !== undefined) await checking;
        yield request;
      }
    } finally {
      close(iterator);
    }
  }

  /** Sends what a handler yields until it ends, or until nobody listens; then the handler's iterator is closed. */
  async function pump(
    call: ServerCall,
    output: AsyncIterable<Message>,
    write: (response: Message) => Promise<void>,
  ): Promise<void> {
    const iterator = output[Symbol.asyncIterator]();
    const next = () => iterator.next();
    try {
      for (;;) {
        if (call.cancellation.cancelled) throw new CallEnded();
        const step = await whileWanted(call, runInScope(call, next));
        if (step.done) return;
        await write(step.value);
      }
    } catch (error) {
      runInScope(call, () => close(iterator));
      throw error;
    }
  }

  /** Lets an iterator run its `finally`, whenever it gets there; its late failure is nobody's. */
  function close(iterator: AsyncIterator<unknown>): void {
    const closing = iterator.return?.();
    if (closing !== undefined) busy.track(closing);
  }

  offer(options.implementations);
  return {
    get methods() {
      return [...entries.values()].map(({ path, method }) => ({
        path,
        kind: method.methodKind === 'unary' ? ('unary' as const) : ('stream' as const),
      }));
    },
    offer,
    openStreams,
    unary: (inbound, body) => unary(bytesForm, inbound, body),
    unaryDirect: (inbound, request) => unary(messageForm, inbound, request),
    stream: (inbound) => stream(bytesForm, inbound, inbound.bodies, inbound.send),
    streamDirect: (inbound, requests, send) => stream(messageForm, inbound, requests, send),
    idle: () => busy.idle(),
  };
}

/** Nobody waits for the call any more: its caller gave up, its time is over or the server goes down. */
class CallEnded extends Error {}

const okStatus: ReplyStatus = { code: 0, message: '', details: undefined, trailers: undefined };

/** The answer to a call of what nobody here implements. */
export function unimplemented(path: string): ReplyStatus {
  return { ...okStatus, code: codes.unimplemented, message: `no method ${path} here` };
}

function isClientStream(method: DescMethod): boolean {
  return method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming';
}

function isServerStream(method: DescMethod): boolean {
  return method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming';
}

function isPromise(value: unknown): value is Promise<MessageInitShape<DescMessage>> {
  return typeof (value as { then?: unknown } | undefined)?.then === 'function';
}

async function only(requests: AsyncGenerator<Message>): Promise<Message> {
  const first = await requests.next();
  if (first.done) {
    throw new FieldsInvalid([{ field: '', description: 'the call brought no request' }]);
  }
  return first.value;
}
