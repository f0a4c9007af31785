import type { Message } from '@bufbuild/protobuf';
import type {
  AccountService,
  FreezeAccountResponseSchema,
} from '#gen/finance/account/v1/account_pb.ts';
import { LedgerAccountStatus } from '#gen/finance/transaction/v1/transaction_pb.ts';
import { type RequestKey, requestKey } from '#kit/db/request-key.ts';
import { answerOnce, isAnswered } from '#kit/db/request-log.ts';
import { debugPoint } from '#kit/debug.ts';
import { assert, DomainError } from '#kit/errors.ts';
import { RequestIdReused } from '#kit/mesh-errors.ts';
import type { Call } from '#kit/rpc/server/call.ts';
import type { Handlers } from '#kit/rpc/server/handlers.ts';
import { readVisible } from '../callers.ts';
import type { AccountDeps } from '../deps.ts';
import { accountToProto } from '../proto.ts';
import { withMaskedNumber } from './masked.ts';

type Methods = 'freezeAccount' | 'unfreezeAccount' | 'closeAccount';
type ChangeRequest = Message & { requestId: string; accountId: string };

/** Freezes, sets free and closes: the ledger does it, under an id that follows from the request's, and what it said is recorded. */
export function createStatusRpc(deps: AccountDeps): Pick<Handlers<typeof AccountService>, Methods> {
  const { database, store, ledger, opener } = deps;

  /** What the ledger makes of it: the answer, or why it refuses. */
  async function settle(
    request: ChangeRequest,
    call: Call,
    key: RequestKey,
    status: LedgerAccountStatus,
  ) {
    const account = await readVisible({ store, on: database.sql }, call, request.accountId);
    await opener.open(account.accountId);
    try {
      const balance = await ledger.setStatus(account.accountId, status, key);
      return { answer: { account: accountToProto(account, balance) } };
    } catch (error) {
      if (!(error instanceof DomainError) || error instanceof RequestIdReused) throw error;
      return { refusal: error };
    }
  }

  async function change(request: ChangeRequest, call: Call, status: LedgerAccountStatus) {
    const key = requestKey(call, request);
    // The ledger is not asked for what was answered: not even when it is another request under the same id.
    const settled = (await isAnswered(database, key))
      ? undefined
      : await settle(request, call, key, status);
    await debugPoint('finance.account.after-status');
    // All three methods answer with the account, so the type of one stands for all.
    const answer = await answerOnce<typeof FreezeAccountResponseSchema>(
      database,
      call,
      key,
      async () => {
        assert(settled !== undefined, 'an answer that was there stays');
        if (settled.refusal !== undefined) throw settled.refusal;
        return settled.answer;
      },
    );
    return { account: await withMaskedNumber(deps, answer.account!) };
  }

  return {
    freezeAccount: (request, call) => change(request, call, LedgerAccountStatus.FROZEN),
    unfreezeAccount: (request, call) => change(request, call, LedgerAccountStatus.ACTIVE),
    closeAccount: (request, call) => change(request, call, LedgerAccountStatus.CLOSED),
  };
}
