import type { AccountService } from '#gen/finance/account/v1/account_pb.ts';
import type { Handlers } from '#kit/rpc/server/handlers.ts';
import type { AccountDeps } from './deps.ts';
import { createCreateRpc } from './rpc/create.ts';
import { createEraseRpc } from './rpc/erase.ts';
import { createReadRpc } from './rpc/reads.ts';
import { createRevealRpc } from './rpc/reveals.ts';
import { createStatusRpc } from './rpc/status.ts';

export function createAccountRpc(deps: AccountDeps): Handlers<typeof AccountService> {
  return {
    ...createCreateRpc(deps),
    ...createReadRpc(deps),
    ...createRevealRpc(deps),
    ...createStatusRpc(deps),
    ...createEraseRpc(deps),
  };
}
