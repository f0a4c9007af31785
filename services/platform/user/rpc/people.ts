import type { UserService } from '#gen/platform/user/v1/user_pb.ts';
import { isStaff } from '#kit/identity/caller.ts';
import type { Call } from '#kit/rpc/server/call.ts';
import type { Handlers } from '#kit/rpc/server/handlers.ts';
import type { UserDeps } from '../deps.ts';
import { normalizeEmail, UserNotFound } from '../domain.ts';
import { userToProto } from '../proto.ts';

type Methods = 'getUser' | 'batchGetUsers' | 'getUserByEmail';

/** People see themselves; the policy has admitted everybody else who gets here. */
export function mayRead({ caller }: Call, userId: string): boolean {
  const { user } = caller;
  return user === undefined || user.id === userId || isStaff(user);
}

export function createPeopleRpc({
  views,
  users,
}: UserDeps): Pick<Handlers<typeof UserService>, Methods> {
  return {
    async getUser({ userId }, call) {
      const user = mayRead(call, userId) ? await views.get(userId) : undefined;
      if (user === undefined) throw new UserNotFound({ user_id: userId });
      return { user };
    },

    async batchGetUsers({ userIds }) {
      const found = await views.getMany([...new Set(userIds)]);
      return { users: userIds.flatMap((userId) => found.get(userId) ?? []) };
    },

    async getUserByEmail({ email }) {
      const account = await users.findByEmail(normalizeEmail(email));
      if (account === undefined) throw new UserNotFound({});
      return { user: userToProto(account.user) };
    },
  };
}
