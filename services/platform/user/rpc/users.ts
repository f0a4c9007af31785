import type { UserService } from '#gen/platform/user/v1/user_pb.ts';
import type { Handlers } from '#kit/rpc/server/handlers.ts';
import { changePassword } from '../change-password.ts';
import type { UserDeps } from '../deps.ts';
import { signUp } from '../sign-up.ts';
import { createAddressesRpc } from './addresses.ts';
import { createChangesRpc } from './changes.ts';
import { createPeopleRpc } from './people.ts';

export function createUserRpc(deps: UserDeps): Handlers<typeof UserService> {
  return {
    ...createPeopleRpc(deps),
    ...createChangesRpc(deps),
    ...createAddressesRpc(deps),
    createUser: (request, call) => signUp(deps, request, call),
    changePassword: (request, call) => changePassword(deps, request, call),
  };
}
