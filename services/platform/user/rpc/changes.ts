import type { Message } from '@bufbuild/protobuf';
import type { UpdateUserResponseSchema, UserService } from '#gen/platform/user/v1/user_pb.ts';
import { requestKey } from '#kit/db/request-key.ts';
import { answerOnce } from '#kit/db/request-log.ts';
import { debugPoint } from '#kit/debug.ts';
import { type Call, userOf } from '#kit/rpc/server/call.ts';
import type { Handlers } from '#kit/rpc/server/handlers.ts';
import { endSessions, writeChange } from '../changes.ts';
import type { UserDeps } from '../deps.ts';
import {
  CannotChangeSelf,
  changeStatus,
  LastStaff,
  leavesStaff,
  losesRole,
  type StatusChange,
  setRoles,
  type User,
  type UserChange,
  UserNotFound,
  updateProfile,
} from '../domain.ts';
import { rolesFromProto, userToProto } from '../proto.ts';
import { mayRead } from './people.ts';

type Methods = 'updateUser' | 'setRoles' | 'suspendUser' | 'reinstateUser' | 'deactivateUser';

interface Change {
  request: Message & { requestId: string };
  userId: string;
  apply(user: User, now: number): UserChange;
  /** Whether the person must sign in anew after it. */
  endsSessions?(before: User, after: User): boolean;
  /** Why, where staff must say so. */
  reason?: string;
}

export function createChangesRpc(deps: UserDeps): Pick<Handlers<typeof UserService>, Methods> {
  const { database, users, views, sealer, clock } = deps;

  /** The one way in which a person changes: locked, by the rules, told to the mesh, and gone from the cache. */
  async function change(call: Call, { request, userId, apply, endsSessions, reason }: Change) {
    const key = requestKey(call, request, call.method.input, sealer);
    // All of these methods answer with the person, so the type of one stands for all.
    const { user } = await answerOnce<typeof UpdateUserResponseSchema>(
      database,
      call,
      key,
      async (tx) => {
        const { user: before } = await users.lockAccount(tx, userId);
        const changed = apply(before, clock.now());
        if (leavesStaff(before, changed.user) && !(await users.hasOtherStaff(tx, userId))) {
          throw new LastStaff({ user_id: userId });
        }
        const after = await writeChange(deps, tx, changed);
        if (reason !== undefined) await users.writeStatusReason(tx, userId, reason);
        if (endsSessions?.(before, after)) await endSessions(deps, tx, userId);
        await debugPoint('platform.user.changing');
        return { user: userToProto(after) };
      },
    );
    await debugPoint('platform.user.changed');
    await views.invalidate([userId]);
    return { user };
  }

  const status = (name: StatusChange) => (user: User, now: number) => changeStatus(user, name, now);
  const always = () => true;

  return {
    async updateUser(request, call) {
      const { userId, name, phone, updateMask } = request;
      if (!mayRead(call, userId)) throw new UserNotFound({ user_id: userId });
      const mask = updateMask?.paths ?? [];
      const apply = (user: User, now: number) => updateProfile(user, { name, phone }, mask, now);
      return change(call, { request, userId, apply });
    },

    async setRoles(request, call) {
      const { userId } = request;
      refuseSelf(call, userId);
      const roles = rolesFromProto(request.roles);
      const apply = (user: User, now: number) => setRoles(user, roles, now);
      return change(call, { request, userId, apply, endsSessions: losesRole });
    },

    async suspendUser(request, call) {
      const { userId, reason } = request;
      refuseSelf(call, userId);
      const apply = status('suspend');
      return change(call, { request, userId, apply, endsSessions: always, reason });
    },

    async reinstateUser(request, call) {
      const { userId, reason } = request;
      return change(call, { request, userId, apply: status('reinstate'), reason });
    },

    async deactivateUser(request, call) {
      const userId = userOf(call).id;
      const apply = status('deactivate');
      return change(call, { request, userId, apply, endsSessions: always });
    },
  };
}

function refuseSelf({ caller }: Call, userId: string): void {
  if (caller.user?.id === userId) throw new CannotChangeSelf();
}
