import type {
  AccountService,
  CreateAccountRequest,
  CreateAccountResponseSchema,
} from '#gen/finance/account/v1/account_pb.ts';
import { UserStatus } from '#gen/platform/user/v1/user_pb.ts';
import { decimalsOf } from '#kit/currency.ts';
import { Collision } from '#kit/db/collision.ts';
import type { Tx } from '#kit/db/database.ts';
import { requestKey } from '#kit/db/request-key.ts';
import { answerOnce, isAnswered } from '#kit/db/request-log.ts';
import { debugPoint } from '#kit/debug.ts';
import { uuidAfter } from '#kit/derived-id.ts';
import { assert, DomainError, RpcError } from '#kit/errors.ts';
import { isStaff } from '#kit/identity/caller.ts';
import { type Call, userOf } from '#kit/rpc/server/call.ts';
import type { Handlers } from '#kit/rpc/server/handlers.ts';
import { ownerFor } from '../callers.ts';
import type { AccountDeps } from '../deps.ts';
import { numberOf, ownDigits } from '../domain/number.ts';
import {
  CreditLimitNotAllowed,
  CustomerErased,
  OwnerNotActive,
  OwnerNotFound,
  TooManyAccounts,
  UnknownCurrency,
} from '../domain/refusals.ts';
import { type Account, limits } from '../domain.ts';
import { accountTypeOf, openedToProto } from '../proto.ts';
import { withMaskedNumber } from './masked.ts';

/**
 * Opens accounts. The account and the answer are written down together, before anybody else is asked: the answer is known
 * then, for the ledger refuses no account, and it is given once it is true.
 */
export function createCreateRpc(
  deps: AccountDeps,
): Pick<Handlers<typeof AccountService>, 'createAccount'> {
  const { database, store, details, opener, sealer, drawDigits, clock } = deps;

  /** Throws CustomerErased and TooManyAccounts. */
  async function write(tx: Tx, account: Account, request: CreateAccountRequest): Promise<void> {
    const { accountId, ownerId } = account;
    const { accountsPerOwnerMax } = limits;
    if ((await store.lockCount(tx, ownerId)) >= accountsPerOwnerMax) {
      throw new TooManyAccounts({ limit: String(accountsPerOwnerMax) });
    }
    const { legalName, taxId } = request;
    for (let draw = 0; draw < limits.numberDrawsMax; draw += 1) {
      const all = { number: numberOf(drawDigits(ownDigits)), legalName, taxId };
      const sealed = await details.seal(tx, account, all);
      if (sealed === undefined) throw new CustomerErased({ owner_id: ownerId });
      // A number may be there under an earlier secret of the index, which the constraint does not compare with.
      if (await store.findByNumber(tx, details.numberTokens(all.number))) continue;
      await debugPoint('finance.account.drawn');
      if (await store.insert(tx, { ...account, sealed }, details.tokensOf(all))) return;
      // Another process has done the same request meanwhile, or drawn the same number.
      if (await store.read(tx, accountId)) throw new Collision();
    }
    assert(false, 'a few draws find a free number');
  }

  return {
    async createAccount(request, call) {
      const key = requestKey(call, request, undefined, sealer);
      const refusal = (await isAnswered(database, key))
        ? undefined
        : await findRefusal(deps, request, call);
      const answer = await answerOnce<typeof CreateAccountResponseSchema>(
        database,
        call,
        key,
        async (tx) => {
          if (refusal !== undefined) throw refusal;
          const account = {
            accountId: uuidAfter(key.requestId, key.scope),
            ownerId: ownerFor(call, request.ownerId),
            type: accountTypeOf(request.accountType),
            currency: request.currencyCode,
            creditLimitMinor: request.creditLimitMinor,
            createdAt: clock.now(),
            isOpen: false,
          };
          await write(tx, account, request);
          await debugPoint('finance.account.before-created');
          return { account: openedToProto(account) };
        },
      );
      await debugPoint('finance.account.after-created');
      const opened = answer.account!;
      await opener.open(opened.accountId);
      return { account: await withMaskedNumber(deps, opened) };
    },
  };
}

/** What speaks against a request, as far as its own account is not asked. */
async function findRefusal(
  deps: AccountDeps,
  request: CreateAccountRequest,
  call: Call,
): Promise<DomainError | undefined> {
  try {
    const { currencyCode, creditLimitMinor } = request;
    if (decimalsOf(currencyCode) === undefined) {
      throw new UnknownCurrency({ currency_code: currencyCode });
    }
    if (creditLimitMinor !== 0n && !isStaff(userOf(call))) throw new CreditLimitNotAllowed();
    await checkOwner(deps, ownerFor(call, request.ownerId));
    return undefined;
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
}

/** Throws OwnerNotFound and OwnerNotActive. */
async function checkOwner({ users }: AccountDeps, ownerId: string): Promise<void> {
  const { user } = await users.getUser({ userId: ownerId }).catch((error) => {
    const isUnknown = error instanceof RpcError && error.reason === 'USER_NOT_FOUND';
    throw isUnknown ? new OwnerNotFound({ owner_id: ownerId }) : error;
  });
  if (user?.status !== UserStatus.ACTIVE) throw new OwnerNotActive({ owner_id: ownerId });
}
