import { isStaff } from '#kit/identity/caller.ts';
import { type Call, userOf } from '#kit/rpc/server/call.ts';
import { AccountNotFound, OwnerNotFound } from './domain/refusals.ts';
import type { AccountRecord, Reading, Store } from './store.ts';

/** Whom a call is for: whom it names, else who calls. Throws OwnerNotFound when a person names somebody else. */
export function ownerFor(call: Call, named: string): string {
  const user = userOf(call);
  const ownerId = named || user.id;
  if (ownerId !== user.id && !isStaff(user)) throw new OwnerNotFound({ owner_id: ownerId });
  return ownerId;
}

/** Reads an account that the caller may see. Throws AccountNotFound. */
export async function readVisible(
  { store, on }: { store: Store; on: Reading },
  call: Call,
  accountId: string,
): Promise<AccountRecord> {
  const user = userOf(call);
  const found = await store.read(on, accountId);
  if (found === undefined || !(isStaff(user) || found.ownerId === user.id)) {
    throw new AccountNotFound({ account_id: accountId });
  }
  return found;
}
