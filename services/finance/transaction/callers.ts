/** Who calls, in the terms of the ledger. */
import { isStaff } from '#kit/identity/caller.ts';
import type { Call } from '#kit/rpc/server/call.ts';
import type { Initiator } from './domain.ts';
import type { Reader } from './proto.ts';

/** A person acts for themselves, also through the gateway; staff, and services by themselves, for anybody. */
export function initiatorOf({ caller }: Call): Initiator {
  const { user } = caller;
  return { userId: user?.id, mayUseAnyAccount: user === undefined || isStaff(user) };
}

/** What the caller is shown. */
export function readerOf({ caller }: Call): Reader {
  if (caller.user === undefined) return 'services';
  return isStaff(caller.user) ? 'staff' : 'customer';
}
