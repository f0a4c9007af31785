import type { DomainError } from '../../errors.ts';
import type { Caller } from '../../identity/caller.ts';
import type { Sealer } from '../../identity/sealer.ts';
import type { IdentityVerifier } from '../../identity/verifier.ts';
import { limits } from '../../limits.ts';
import type { RateLimiter } from '../../load/rate-limit.ts';
import { Draining } from '../../mesh-errors.ts';
import type { Logger } from '../../telemetry/log.ts';
import { atMost } from '../../within.ts';
import type { Engine, EngineOptions, Listener } from '../engine.ts';
import { engineLimits } from '../engine-limits.ts';
import { createDispatcher, type MessageDispatcher } from './dispatcher.ts';
import type { Implementation } from './handlers.ts';
import { createHealth, type Health } from './health.ts';
import type { ServerInterceptor } from './interceptor.ts';
import { deadlineInterceptor } from './interceptors/deadline.ts';
import { identityInterceptor } from './interceptors/identity.ts';
import { type LoadGauge, loadSheddingInterceptor } from './interceptors/load-shedding.ts';
import { originInterceptor } from './interceptors/origin.ts';
import { policyInterceptor } from './interceptors/policy.ts';
import { rateLimitInterceptor } from './interceptors/rate-limit.ts';
import { telemetryInterceptor } from './interceptors/telemetry.ts';
import { validationInterceptor } from './interceptors/validation.ts';
import { createReflection } from './reflection.ts';
import { createTrustedProxies, type TrustedProxies } from './trusted-proxies.ts';

/** What a server needs: its services, and what all servers of a process share. */
export interface ServerOptions {
  /** The service's name: "commerce.order". */
  name: string;
  implementations: readonly Implementation[];
  identity: IdentityVerifier;
  rateLimiter: RateLimiter;
  /** Whoever says truly for whom it asks; nobody when absent. */
  trustedProxies?: TrustedProxies | undefined;
  /** Seals what audit entries tell, on their way to the log; nothing is audited when absent. */
  auditSealer?: Sealer | undefined;
  load: LoadGauge;
  log: Logger;
  /** Interceptors of the service's own; they run after the kit's. */
  interceptors?: readonly ServerInterceptor[];
  /** True at the edge: deadlines are cut to the policy's, and refusals of other services pass through whole. */
  isEdge?: boolean;
}

/** A service that can be called: directly in this process, and over the wire once it listens. */
export interface Server {
  readonly name: string;
  readonly dispatcher: MessageDispatcher;
  readonly health: Health;
  /** Calls being answered and streams open, just now. */
  readonly inFlight: Readonly<Record<'call' | 'stream', number>>;
  /** Binds "host:port" (port 0: any) on an engine. May be called for several engines. */
  listen(address: string, engine: Engine, engineOptions?: EngineOptions): Promise<Listener>;
  /**
   * Goes down without losing a call: NOT_SERVING, a moment for balancers to see it, new calls refused as not processed,
   * streams ended with UNAVAILABLE, GOAWAY, calls in flight answered, and their handlers finished even where the callers
   * have gone; at most limits.drainMsMax. Further calls join the first.
   */
  drain(): Promise<void>;
  /** Ends the open streams of some callers; `why` is what they are told. */
  endStreams(isOver: (caller: Caller) => boolean, why: DomainError): void;
  /** Stops at once; calls in flight are lost. For tests, and for a drain that took too long. */
  close(): void;
}

/**
 * Builds the server of one service: its handlers, health, reflection, and the interceptors in their fixed order, the
 * same for every service. Throws PolicyMissing when a method has no policy.
 */
export function createServer(options: ServerOptions): Server {
  const { name, implementations, log } = options;
  const health = createHealth(implementations.map(({ service }) => service.typeName));
  const offered = [...implementations, health.implementation];
  const shedder = loadSheddingInterceptor(name, options.load);
  const trustedProxies = options.trustedProxies ?? createTrustedProxies([]);
  const dispatcher = createDispatcher({
    implementations: [...offered, ...createReflection(() => offered.map(({ service }) => service))],
    interceptors: [
      telemetryInterceptor(log),
      deadlineInterceptor({ capToPolicy: options.isEdge ?? false }),
      identityInterceptor(options.identity),
      policyInterceptor(),
      rateLimitInterceptor(options.rateLimiter, trustedProxies),
      shedder,
      validationInterceptor(),
      originInterceptor(trustedProxies, options.auditSealer),
      ...(options.interceptors ?? []),
    ],
    forwardsErrors: options.isEdge ?? false,
  });
  const listeners: Listener[] = [];
  let draining: Promise<void> | undefined;

  async function drain(): Promise<void> {
    health.drain();
    await pause(limits.drainNoticeMs);
    shedder.drain();
    for (const call of dispatcher.openStreams) call.stop(new Draining());
    await Promise.all([
      ...listeners.map((listener) => listener.drain(limits.drainMsMax)),
      atMost(limits.drainMsMax, dispatcher.idle()),
    ]);
  }

  return {
    name,
    dispatcher,
    health,
    get inFlight() {
      return { call: shedder.callsInFlight, stream: shedder.streamsOpen };
    },
    async listen(address, engine, engineOptions = engineLimits) {
      const added = (engine.implementations?.() ?? []).filter(
        ({ service }) => !offered.some((known) => known.service.typeName === service.typeName),
      );
      dispatcher.offer(added);
      offered.push(...added);
      const listener = await engine.listen(address, dispatcher, engineOptions);
      listeners.push(listener);
      return listener;
    },
    drain() {
      draining ??= drain();
      return draining;
    },
    endStreams(isOver, why) {
      for (const call of dispatcher.openStreams) if (isOver(call.caller)) call.stop(why);
    },
    close() {
      for (const listener of listeners) listener.close();
    },
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
