import type { Sealer } from '../../../identity/sealer.ts';
import type { ServerInterceptor } from '../interceptor.ts';
import type { TrustedProxies } from '../trusted-proxies.ts';

/** Lets a call find out where it came from, when somebody asks, and gives it what seals that for the audit log. */
export function originInterceptor(
  proxies: TrustedProxies,
  auditSealer: Sealer | undefined,
): ServerInterceptor {
  return {
    name: 'origin',
    start(call) {
      call.trustedProxies = proxies;
      call.auditSealer = auditSealer;
    },
  };
}
