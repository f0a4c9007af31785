/** A server that only answers, for the kit's own tests and benchmarks. */
import { EchoService } from '#gen/platform/testing/v1/testing_pb.ts';
import { serviceOfSpiffeId } from '../identity/caller.ts';
import type { IdentityVerifier } from '../identity/verifier.ts';
import { createLocalRateLimiter, type RateLimiter } from '../load/rate-limit.ts';
import { userOf } from '../rpc/server/call.ts';
import { type Handlers, implement } from '../rpc/server/handlers.ts';
import type { ServerInterceptor } from '../rpc/server/interceptor.ts';
import type { LoadGauge } from '../rpc/server/interceptors/load-shedding.ts';
import { createServer, type Server } from '../rpc/server/server.ts';
import type { TrustedProxies } from '../rpc/server/trusted-proxies.ts';
import { remainingMs } from '../scope.ts';
import { createLogger } from '../telemetry/log.ts';

const trustEverybody: IdentityVerifier = {
  service: ([name], token) => (name === undefined ? token : serviceOfSpiffeId(name)),
  user: (authorization) => {
    const [id = '', ...roles] = authorization.slice('Bearer '.length).split(',');
    return { id, roles, sessionId: 'session', issuedAt: 0 };
  },
};

/** Never overloaded: a test must not fail because the machine is busy. */
const calm: LoadGauge = { loopLagMs: 0, stop() {} };

/** Handlers that may be replaced one by one. */
export function echoHandlers(
  overrides: Partial<Handlers<typeof EchoService>> = {},
): Handlers<typeof EchoService> {
  return {
    echo: ({ text, numbers }) => ({ text, numbers }),
    echoOnce: ({ text }) => ({ text }),
    echoUser: ({ text }, call) => ({ text, userId: userOf(call).id }),
    echoStaff: ({ text }) => ({ text }),
    echoInternal: ({ text }) => ({ text, remainingMs: BigInt(Math.round(remainingMs())) }),
    async *echoMany({ text, count }, call) {
      for (let index = 0; (count === 0 || index < count) && !call.signal.aborted; index += 1) {
        yield { text, index };
      }
    },
    async echoJoined(requests) {
      const texts: string[] = [];
      for await (const { text } of requests) texts.push(text);
      return { text: texts.join(' ') };
    },
    async *echoEach(requests) {
      for await (const { text } of requests) yield { text };
    },
    ...overrides,
  };
}

/** An echo server that believes what its callers say of themselves, unless `identity` is given. */
export function createEchoServer(
  options: {
    handlers?: Partial<Handlers<typeof EchoService>>;
    identity?: IdentityVerifier;
    interceptors?: readonly ServerInterceptor[];
    load?: LoadGauge;
    rateLimiter?: RateLimiter;
    trustedProxies?: TrustedProxies;
    isEdge?: boolean;
  } = {},
): Server {
  const server = createServer({
    name: 'testing.echo',
    implementations: [implement(EchoService, echoHandlers(options.handlers))],
    identity: options.identity ?? trustEverybody,
    rateLimiter: options.rateLimiter ?? createLocalRateLimiter(),
    trustedProxies: options.trustedProxies,
    load: options.load ?? calm,
    log: createLogger('testing.echo', { level: 'silent' }),
    interceptors: options.interceptors,
    isEdge: options.isEdge,
  });
  // It depends on nothing, so it serves from the start.
  server.health.set(true);
  return server;
}
