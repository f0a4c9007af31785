import type { AccountService } from '#gen/finance/account/v1/account_pb.ts';
import { cutPage, decodeIdToken, encodePageToken } from '#kit/page.ts';
import type { Handlers } from '#kit/rpc/server/handlers.ts';
import { ownerFor, readVisible } from '../callers.ts';
import type { AccountDeps } from '../deps.ts';
import { readNumber } from '../domain/number.ts';
import { AccountNotFound } from '../domain/refusals.ts';
import { limits } from '../domain.ts';
import { accountToProto } from '../proto.ts';
import type { AccountRecord } from '../store.ts';
import { maskedNumbersOf } from './masked.ts';

type Methods = 'getAccount' | 'listAccounts' | 'lookupAccount' | 'findAccounts';

export function createReadRpc(deps: AccountDeps): Pick<Handlers<typeof AccountService>, Methods> {
  const { database, store, details, ledger } = deps;

  /** Accounts as they are now: by one call of the ledger, and one statement. */
  async function show(records: readonly AccountRecord[]) {
    const open = records.filter(({ isOpen }) => isOpen).map(({ accountId }) => accountId);
    const [balances, numbers] = await Promise.all([
      ledger.balances(open),
      maskedNumbersOf(deps, records),
    ]);
    return records.map((record, i) => ({
      ...accountToProto(record, balances.get(record.accountId)),
      maskedNumber: numbers[i]!,
    }));
  }

  async function showPage(records: readonly AccountRecord[], size: number, query: string[]) {
    const { page, nextPageToken } = cutPage(records, size, ({ accountId }) =>
      encodePageToken(query, [accountId]),
    );
    return { accounts: await show(page), nextPageToken };
  }

  return {
    async getAccount({ accountId }, call) {
      const [account] = await show([
        await readVisible({ store, on: database.sql }, call, accountId),
      ]);
      return { account };
    },

    async listAccounts({ ownerId: named, pageSize, pageToken }, call) {
      const ownerId = ownerFor(call, named);
      const query = ['ListAccounts', ownerId];
      const before = decodeIdToken(query, pageToken);
      const size = pageSize || limits.pageSizeDefault;
      return showPage(await store.list(ownerId, before, size + 1), size, query);
    },

    async lookupAccount({ accountNumber }) {
      const tokens = details.numberTokens(readNumber(accountNumber));
      const found = await store.findByNumber(database.sql, tokens);
      if (found === undefined) throw new AccountNotFound({});
      return { accountId: found.accountId, currencyCode: found.currency };
    },

    async findAccounts({ taxId, pageSize, pageToken }) {
      const tokens = details.taxIdTokens(taxId);
      // The bare digest of a tax id, as a page token has, could be tried against guesses.
      const query = ['FindAccounts', tokens[0]!.toString('hex')];
      const before = decodeIdToken(query, pageToken);
      const size = pageSize || limits.pageSizeDefault;
      return showPage(await store.listByTaxId(tokens, before, size + 1), size, query);
    },
  };
}
