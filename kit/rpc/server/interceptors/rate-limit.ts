import type { RateLimiter } from '../../../load/rate-limit.ts';
import { RateLimited } from '../../../mesh-errors.ts';
import type { ServerCall } from '../call.ts';
import type { ServerInterceptor } from '../interceptor.ts';
import type { TrustedProxies } from '../trusted-proxies.ts';

/**
 * Holds each person, or each address where nobody is signed in, to the method's rate. Calls that a service makes as
 * itself are not limited: load shedding bounds those.
 */
export function rateLimitInterceptor(
  limiter: RateLimiter,
  proxies: TrustedProxies,
): ServerInterceptor {
  return {
    name: 'rate-limit',
    start(call) {
      const rate = call.policy.rateLimit;
      if (rate === undefined || (call.caller.service !== undefined && !call.caller.user)) return;
      const waitMs = limiter.take(`${call.path} ${subjectOf(call, proxies)}`, rate);
      if (typeof waitMs === 'number') refuse(waitMs);
      else return waitMs.then(refuse);
    },
  };
}

function refuse(waitMs: number): void {
  if (waitMs > 0) throw new RateLimited({ retry_after_ms: String(Math.ceil(waitMs)) });
}

function subjectOf(call: ServerCall, proxies: TrustedProxies): string {
  if (call.caller.user) return call.caller.user.id;
  const { address } = call.peer;
  const host = address.slice(0, address.lastIndexOf(':'));
  return proxies.clientOf(host, call.metadata['x-forwarded-for']);
}
