import { limits } from '../../../limits.ts';
import { DeadlineTooShort } from '../../../mesh-errors.ts';
import type { ServerInterceptor } from '../interceptor.ts';

/**
 * Gives every call a deadline: the caller's, at most limits.deadlineMsMax, or the method's own when the caller named
 * none. `capToPolicy` (the edge) also cuts what people ask for down to the method's own. A call that arrives with too
 * little left is refused before any work.
 */
export function deadlineInterceptor(options: { capToPolicy: boolean }): ServerInterceptor {
  return {
    name: 'deadline',
    start(call) {
      const now = Date.now();
      const ownMs = call.policy.deadlineMs;
      const mostMs = options.capToPolicy || call.isStream ? ownMs : limits.deadlineMsMax;
      if (call.deadlineAt === Number.POSITIVE_INFINITY) call.expireAt(now + ownMs);
      else if (call.deadlineAt > now + mostMs) call.expireAt(now + mostMs);
      else if (call.deadlineAt - now < limits.deadlineUsefulMsMin) throw new DeadlineTooShort();
    },
    end(call) {
      call.stopExpiry();
    },
  };
}
