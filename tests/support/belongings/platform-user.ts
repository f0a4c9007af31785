import { SessionService } from '#gen/platform/user/v1/session_pb.ts';
import { UserService } from '#gen/platform/user/v1/user_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Shop } from '#services/commerce/order/testing.ts';
import { type Account, addressOf } from '../account.ts';

import type { MakeBelongings } from '../belongings.ts';

/** The account with a telephone, sessions of which one has ended, and an address book. */
export const belongings: MakeBelongings = async (shop, account) => {
  const { id: userId, email, headers, quantity, requestId } = account;
  const users = shop.network.client(UserService, 'platform.gateway');
  const phone = `+49301234${quantity}`;
  const updateMask = { paths: ['phone'] };
  await users.updateUser({ requestId, userId, phone, updateMask }, { headers });
  return {
    names: {
      user_id: [userId],
      email: [{ theirs: email, nobodys: `${uuidv7()}@example.com` }],
      session_id: await openSessions(shop, account),
      address_id: await fillAddressBook(shop, account),
    },
    traces: [phone],
  };
};

/** The ids of one that is open, of the one in which its person calls, and of one that has ended. */
async function openSessions({ network }: Shop, account: Account): Promise<string[]> {
  const sessions = network.client(SessionService, 'platform.gateway');
  const { email, password, headers, mark, requestId } = account;
  const signIn = async () => {
    const device = { requestId: uuidv7(), email, password, deviceName: mark };
    return (await sessions.authenticate(device)).tokens!.sessionId;
  };
  const open = await signIn();
  const ended = await signIn();
  await sessions.signOut({ requestId, sessionId: ended }, { headers });
  return [open, account.sessionId, ended];
}

/** The ids of the entries, of which the last is removed. */
async function fillAddressBook({ network }: Shop, { headers, mark, requestId }: Account) {
  const users = network.client(UserService, 'platform.gateway');
  const entry = { label: mark, postalAddress: addressOf(mark) };
  const add = async (request: string) => {
    const { address } = await users.addAddress({ requestId: request, ...entry }, { headers });
    return address!.addressId;
  };
  const kept = [await add(requestId), await add(uuidv7())];
  const removed = await add(uuidv7());
  await users.updateAddress({ requestId, addressId: kept[0]!, ...entry }, { headers });
  await users.removeAddress({ requestId, addressId: removed }, { headers });
  return [...kept, removed];
}
