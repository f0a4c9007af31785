import { limits } from '../../../limits.ts';
import type { RateLimiter } from '../../../load/rate-limit.ts';
import { RateLimited } from '../../../mesh-errors.ts';
import type { ServerCall } from '../call.ts';
import type { ServerInterceptor } from '../interceptor.ts';
import { clientAddress } from '../origin.ts';
import type { TrustedProxies } from '../trusted-proxies.ts';

/**
 * Holds each person, or each address where nobody is signed in, to the method's rate, and to
 * limits.streamsPerCallerMax streams at once in this process: a few must not fill it. Calls that a service makes as itself
 * are not limited: load shedding bounds those.
 */
export function rateLimitInterceptor(
  limiter: RateLimiter,
  proxies: TrustedProxies,
): ServerInterceptor {
  const streams = createStreamCount();
  return {
    name: 'rate-limit',
    start(call) {
      const rate = call.policy.rateLimit;
      if (call.caller.service !== undefined && !call.caller.user) return;
      if (rate === undefined && !call.isStream) return;
      const subject = subjectOf(call, proxies);
      if (call.isStream) streams.enter(call, subject);
      if (rate === undefined) return;
      const waitMs = limiter.take(`${call.path} ${subject}`, rate);
      if (typeof waitMs === 'number') refuse(waitMs);
      else return waitMs.then(refuse);
    },
    end(call) {
      if (call.isStream) streams.leave(call);
    },
  };
}

/** The open streams of each subject. */
function createStreamCount() {
  // Kept, for a connection that is gone does not say any more whose it was.
  const subjects = new Map<ServerCall, string>();
  const counts = new Map<string, number>();
  return {
    enter(call: ServerCall, subject: string): void {
      const count = counts.get(subject) ?? 0;
      if (count >= limits.streamsPerCallerMax) refuse(limits.streamsPerCallerPauseMs);
      subjects.set(call, subject);
      counts.set(subject, count + 1);
    },
    leave(call: ServerCall): void {
      const subject = subjects.get(call);
      if (subject === undefined) return;
      subjects.delete(call);
      const count = counts.get(subject)! - 1;
      if (count === 0) counts.delete(subject);
      else counts.set(subject, count);
    },
  };
}

function refuse(waitMs: number): void {
  if (waitMs > 0) throw new RateLimited({ retry_after_ms: String(Math.ceil(waitMs)) });
}

function subjectOf(call: ServerCall, proxies: TrustedProxies): string {
  return call.caller.user?.id ?? clientAddress(call, proxies);
}
