import type { DescMessage, Message, MessageInitShape } from '@bufbuild/protobuf';
import type {
  AddAddressResponseSchema,
  RemoveAddressResponseSchema,
  UpdateAddressResponseSchema,
  UserService,
} from '#gen/platform/user/v1/user_pb.ts';
import type { Tx } from '#kit/db/database.ts';
import { requestKey } from '#kit/db/request-key.ts';
import { answerOnce } from '#kit/db/request-log.ts';
import { uuidv7 } from '#kit/ids.ts';
import { cutPage, decodeIdToken, encodePageToken } from '#kit/page.ts';
import { type Call, userOf } from '#kit/rpc/server/call.ts';
import type { Handlers } from '#kit/rpc/server/handlers.ts';
import { writeChange } from '../changes.ts';
import type { UserDeps } from '../deps.ts';
import { changeAddresses, checkRoom, limits, UserNotFound } from '../domain.ts';
import { addressToProto, postalAddressFromProto } from '../proto.ts';
import { mayRead } from './people.ts';

type Methods = 'listAddresses' | 'addAddress' | 'updateAddress' | 'removeAddress';

export function createAddressesRpc(deps: UserDeps): Pick<Handlers<typeof UserService>, Methods> {
  const { database, users, addresses, views, sealer, clock } = deps;

  /** Changes the caller's address book while the caller is locked, so that its size is exact. */
  async function change<Response extends DescMessage>(
    call: Call,
    request: Message & { requestId: string },
    work: (tx: Tx, userId: string) => Promise<MessageInitShape<Response>>,
  ) {
    const userId = userOf(call).id;
    const key = requestKey(call, request, call.method.input, sealer);
    const response = await answerOnce<Response>(database, call, key, async (tx) => {
      const { user } = await users.lockAccount(tx, userId);
      const answer = await work(tx, userId);
      await writeChange(deps, tx, changeAddresses(user, clock.now()));
      return answer;
    });
    await views.invalidate([userId]);
    return response;
  }

  return {
    async listAddresses({ userId: asked, pageSize, pageToken }, call) {
      const userId = asked || userOf(call).id;
      if (!mayRead(call, userId)) throw new UserNotFound({ user_id: userId });
      const query = ['ListAddresses', userId];
      const after = decodeIdToken(query, pageToken);
      const size = pageSize || limits.pageSizeDefault;
      const rows = await addresses.list({ userId, after, limit: size + 1 });
      const { page, nextPageToken } = cutPage(rows, size, (last) =>
        encodePageToken(query, [last.addressId]),
      );
      return { addresses: page.map(addressToProto), nextPageToken };
    },

    addAddress: (request, call) =>
      change<typeof AddAddressResponseSchema>(call, request, async (tx, userId) => {
        checkRoom(await addresses.count(tx, userId));
        const now = clock.now();
        const { label, postalAddress } = request;
        const address = {
          addressId: uuidv7(now),
          label,
          postalAddress: postalAddressFromProto(postalAddress!),
          createdAt: now,
        };
        await addresses.insert(tx, userId, address);
        return { address: addressToProto(address) };
      }),

    updateAddress: (request, call) =>
      change<typeof UpdateAddressResponseSchema>(call, request, async (tx, userId) => {
        const { addressId, label, postalAddress } = request;
        const next = { addressId, label, postalAddress: postalAddressFromProto(postalAddress!) };
        return { address: addressToProto(await addresses.replace(tx, userId, next)) };
      }),

    removeAddress: (request, call) =>
      change<typeof RemoveAddressResponseSchema>(call, request, async (tx, userId) => {
        await addresses.remove(tx, userId, request.addressId);
        return {};
      }),
  };
}
