/** Who calls, in the terms of the ledger. */
import { isStaff } from '#kit/identity/caller.ts';
import { FieldsInvalid } from '#kit/mesh-errors.ts';
import type { Call } from '#kit/rpc/server/call.ts';
import type { Initiator } from './domain.ts';
import type { Reader } from './proto.ts';

/** A person acts for themselves, also through the gateway; staff, and services by themselves, for anybody. */
export function initiatorOf({ caller }: Call): Initiator {
  const { user } = caller;
  return { userId: user?.id, mayUseAnyAccount: user === undefined || isStaff(user) };
}

/**
 * Who asks for a movement of money: a service may do so for a person, whose account it has made sure of. Throws FieldsInvalid
 * when anybody else names a person.
 */
export function moverOf(call: Call, onBehalfOfUserId: string): Initiator {
  const initiator = initiatorOf(call);
  if (onBehalfOfUserId === '') return initiator;
  if (call.caller.user === undefined)
    return { ...initiator, userId: onBehalfOfUserId.toLowerCase() };
  const description = 'is for services; people ask for themselves';
  throw new FieldsInvalid([{ field: 'on_behalf_of_user_id', description }]);
}

/** What the caller is shown. */
export function readerOf({ caller }: Call): Reader {
  if (caller.user === undefined) return 'services';
  return isStaff(caller.user) ? 'staff' : 'customer';
}
