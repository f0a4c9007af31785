import { type Caller, isStaff } from '../../../identity/caller.ts';
import { CallerNotAllowed, CredentialsRequired } from '../../../mesh-errors.ts';
import type { Policy } from '../../policy.ts';
import type { ServerInterceptor } from '../interceptor.ts';

/** Admits a caller whom the method's policy names, and nobody else. */
export function policyInterceptor(): ServerInterceptor {
  return {
    name: 'policy',
    start(call) {
      admit(call.policy, call.caller);
    },
  };
}

/** Throws CredentialsRequired when signing in could help, CallerNotAllowed when it could not. */
export function admit(policy: Policy, caller: Caller): void {
  const { user, service } = caller;
  if (policy.audience === 'public') return;
  if (service !== undefined && (policy.isOpenToServices || policy.services.has(service))) return;
  if (policy.audience === 'internal') throw new CallerNotAllowed();
  if (user === undefined) throw new CredentialsRequired();
  if (policy.audience === 'staff' && !isStaff(user)) throw new CallerNotAllowed();
}
