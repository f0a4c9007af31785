import type {
  AccountService,
  EraseCustomerResponseSchema,
} from '#gen/finance/account/v1/account_pb.ts';
import { LedgerAccountStatus } from '#gen/finance/transaction/v1/transaction_pb.ts';
import type { Tx } from '#kit/db/database.ts';
import { requestKey } from '#kit/db/request-key.ts';
import { answerOnce } from '#kit/db/request-log.ts';
import { debugPoint } from '#kit/debug.ts';
import type { Handlers } from '#kit/rpc/server/handlers.ts';
import type { AccountDeps } from '../deps.ts';
import { AccountNotClosed, CustomerNotFound } from '../domain/refusals.ts';
import { limits } from '../domain.ts';

/** Erases customers here in one transaction, and then, by itself if need be, in the audit log. */
export function createEraseRpc(
  deps: AccountDeps,
): Pick<Handlers<typeof AccountService>, 'eraseCustomer'> {
  const { database, store, erasures, vault, ledger, eraser, clock } = deps;

  /** The accounts of a customer that are closed: they stay so. */
  async function closedOf(ownerId: string): Promise<ReadonlySet<string>> {
    const accounts = await store.list(ownerId, undefined, limits.accountsPerOwnerMax);
    const open = accounts.filter(({ isOpen }) => isOpen);
    const balances = await ledger.balances(open.map(({ accountId }) => accountId));
    const closed = [...balances.values()].filter(
      ({ status }) => status === LedgerAccountStatus.CLOSED,
    );
    return new Set(closed.map(({ accountId }) => accountId));
  }

  /** Throws CustomerNotFound and AccountNotClosed. */
  async function erase(tx: Tx, ownerId: string, closed: ReadonlySet<string>): Promise<void> {
    // The key goes first: behind it no account of theirs comes to be, and those that did meanwhile are seen.
    await vault.erase(tx, [ownerId]);
    if (await erasures.isErased(tx, ownerId)) return;
    const accountIds = await store.idsOf(tx, ownerId);
    if (accountIds.length === 0) throw new CustomerNotFound({ owner_id: ownerId });
    const left = accountIds.find((accountId) => !closed.has(accountId));
    if (left !== undefined) throw new AccountNotClosed({ account_id: left });
    await store.removeTokens(tx, ownerId);
    await erasures.begin(tx, ownerId, clock.now());
  }

  return {
    async eraseCustomer(request, call) {
      const { ownerId } = request;
      const closed = await closedOf(ownerId);
      const key = requestKey(call, request);
      const answer = await answerOnce<typeof EraseCustomerResponseSchema>(
        database,
        call,
        key,
        async (tx) => {
          await erase(tx, ownerId, closed);
          await debugPoint('finance.account.before-erased');
          return {};
        },
      );
      await debugPoint('finance.account.after-erased');
      await eraser.finish(ownerId);
      return answer;
    },
  };
}
