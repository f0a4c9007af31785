import { nobody } from '../../../identity/caller.ts';
import type { IdentityVerifier } from '../../../identity/verifier.ts';
import type { ServerInterceptor } from '../interceptor.ts';

/** The header that carries a service token, where there are no certificates. */
export const serviceTokenHeader = 'x-meshwork-service';

/**
 * Finds out who calls: the service from its certificate or its service token, the person from the access token. A
 * credential that is present and bad is refused even on public methods of ours: silence would hide a broken client. Not on
 * those that tools call first, as grpcurl asks for reflection with the headers of the call to come: that call is to say it.
 */
export function identityInterceptor(verifier: IdentityVerifier): ServerInterceptor {
  return {
    name: 'identity',
    start(call) {
      const serviceToken = call.metadata[serviceTokenHeader];
      const authorization = call.metadata.authorization;
      const names = call.peer.names;
      const carriesNothing =
        names.length === 0 && serviceToken === undefined && authorization === undefined;
      if (carriesNothing || call.policy.isAnonymous) {
        call.caller = nobody;
        return;
      }
      const service = verifier.service(names, serviceToken);
      if (authorization === undefined) {
        call.caller = { service, user: undefined };
        return;
      }
      call.authorization = authorization;
      const user = verifier.user(authorization);
      if (user instanceof Promise) {
        return user.then((found) => {
          call.caller = { service, user: found };
        });
      }
      call.caller = { service, user };
    },
  };
}
