import type { Message } from '@bufbuild/protobuf';
import type {
  AccountService,
  RevealAccountNumberResponseSchema,
} from '#gen/finance/account/v1/account_pb.ts';
import { requestKey } from '#kit/db/request-key.ts';
import { answerOnce } from '#kit/db/request-log.ts';
import { debugPoint } from '#kit/debug.ts';
import type { Call } from '#kit/rpc/server/call.ts';
import type { Handlers } from '#kit/rpc/server/handlers.ts';
import { readVisible } from '../callers.ts';
import type { AccountDeps } from '../deps.ts';
import { CustomerErased } from '../domain/refusals.ts';
import type { Details } from '../domain.ts';
import type { Reading } from '../store.ts';

type Methods = 'revealAccountNumber' | 'revealHolder';

/**
 * Tells what is sealed. What is recorded, with the entry of the audit log, is that it was told; it is read anew behind the
 * record each time, by whoever may see the account then, and so is gone from the moment the customer is erased.
 */
export function createRevealRpc(deps: AccountDeps): Pick<Handlers<typeof AccountService>, Methods> {
  const { database, store, details } = deps;

  async function reveal<Name extends keyof Details>(
    request: Message & { requestId: string; accountId: string },
    call: Call,
    fields: readonly Name[],
  ): Promise<Pick<Details, Name>> {
    const openOn = async (on: Reading) => {
      const account = await readVisible({ store, on }, call, request.accountId);
      const [opened] = await details.open(on, [account], fields);
      if (opened === undefined) throw new CustomerErased({ owner_id: account.ownerId });
      return opened;
    };
    // Both methods record an answer without any field, so the type of one stands for both.
    await answerOnce<typeof RevealAccountNumberResponseSchema>(
      database,
      call,
      requestKey(call, request),
      async (tx) => {
        await openOn(tx);
        await debugPoint('finance.account.before-revealed');
        return {};
      },
    );
    await debugPoint('finance.account.after-revealed');
    return openOn(database.sql);
  }

  return {
    async revealAccountNumber(request, call) {
      const { number } = await reveal(request, call, ['number']);
      return { accountNumber: number };
    },

    revealHolder: (request, call) => reveal(request, call, ['legalName', 'taxId']),
  };
}
