/** Runs a call through the interceptors and into its handler. Every transport, the direct call included, ends here. */
import type { Message } from '@bufbuild/protobuf';
import { bytesForm, messageForm } from '../codec.ts';
import type { Dispatcher, Inbound, Reply, ReplyStatus } from '../engine.ts';
import { pathOf, policyOf } from '../policy.ts';
import { createBusyCount } from './busy-count.ts';
import type { ServerCall } from './call.ts';
import type { Implementation } from './handlers.ts';
import type { ServerInterceptor } from './interceptor.ts';
import type { Pipeline } from './pipeline.ts';
import { answerStream } from './stream-call.ts';
import { answerUnary } from './unary-call.ts';

/** What a dispatcher answers with, and what stands before it. */
export interface DispatcherOptions {
  implementations: readonly Implementation[];
  interceptors: readonly ServerInterceptor[];
  /** Whether refusals of other services are passed on as they came (the gateway). */
  forwardsErrors: boolean;
}

/** A dispatcher that also takes messages as they are, and that a server can drain. */
export interface MessageDispatcher extends Dispatcher {
  /** A call that stays in the process: messages in, messages out, everything else as over the wire. */
  unaryDirect(inbound: Inbound, request: Message): Promise<Reply<Message>>;
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

/**
 * Builds the pipeline of a server: for each call the interceptors in order, the handler in the scope of the call, and the
 * interceptors' ends in reverse. Throws PolicyMissing when a method has no policy.
 */
export function createDispatcher(options: DispatcherOptions): MessageDispatcher {
  const pipeline: Pipeline = {
    entries: new Map(),
    chain: options.interceptors,
    forwardsErrors: options.forwardsErrors,
    openStreams: new Set(),
    busy: createBusyCount(),
  };
  const { entries, openStreams, busy } = pipeline;

  function offer(implementations: readonly Implementation[]): void {
    for (const { service, handlers } of implementations) {
      for (const method of service.methods) {
        const path = pathOf(method);
        const handler = handlers[method.localName]!.bind(handlers);
        entries.set(path, { path, method, policy: policyOf(method), handler });
      }
    }
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
    unary: (inbound, body) => answerUnary(pipeline, bytesForm, inbound, body),
    unaryDirect: (inbound, request) => answerUnary(pipeline, messageForm, inbound, request),
    stream: (inbound) => answerStream(pipeline, bytesForm, inbound, inbound.bodies, inbound.send),
    streamDirect: (inbound, requests, send) =>
      answerStream(pipeline, messageForm, inbound, requests, send),
    idle: () => busy.idle(),
  };
}
