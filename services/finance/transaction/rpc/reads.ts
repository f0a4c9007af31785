import { type Timestamp, timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { TransactionService } from '#gen/finance/transaction/v1/transaction_pb.ts';
import { isUuid } from '#kit/ids.ts';
import { InvalidPageToken } from '#kit/mesh-errors.ts';
import { cutPage, decodeNumberToken, decodePageToken, encodePageToken } from '#kit/page.ts';
import type { Call } from '#kit/rpc/server/call.ts';
import type { Handlers } from '#kit/rpc/server/handlers.ts';
import { initiatorOf, readerOf } from '../callers.ts';
import { AccountNotFound, TransactionNotFound } from '../domain/refusals.ts';
import { type AccountIdentity, accountIdsOf, limits, type Transaction } from '../domain.ts';
import { balanceToProto, entryToProto, transactionToProto } from '../proto.ts';
import type { Identities } from '../store/identities.ts';
import type { Activity, ActivityPosition, Reads } from '../store/reads.ts';

export interface ReadDeps {
  reads: Reads;
  identities: Identities;
}

type ReadMethods =
  | 'getTransaction'
  | 'batchGetTransactions'
  | 'listTransactions'
  | 'listReviews'
  | 'getBalances'
  | 'listEntries'
  | 'getStatement';

export function createReadRpc({
  reads,
  identities,
}: ReadDeps): Pick<Handlers<typeof TransactionService>, ReadMethods> {
  /** Throws AccountNotFound for accounts that the caller may not see. */
  const identify = (accountIds: readonly string[], call: Call) =>
    identifyOwn(identities, accountIds, call);

  async function maySee({ legs }: Transaction, call: Call): Promise<boolean> {
    const { mayUseAnyAccount, userId } = initiatorOf(call);
    if (mayUseAnyAccount) return true;
    const accounts = await identities.read(accountIdsOf(legs));
    return [...accounts.values()].some(({ ownerId }) => ownerId === userId);
  }

  return {
    async getTransaction({ transactionId }, call) {
      const id = transactionId.toLowerCase();
      const transaction = (await reads.transactions([id])).get(id);
      if (transaction === undefined || !(await maySee(transaction, call))) {
        throw new TransactionNotFound({ transaction_id: id });
      }
      return { transaction: transactionToProto(transaction, readerOf(call)) };
    },

    async batchGetTransactions({ transactionIds }, call) {
      const ids = transactionIds.map((id) => id.toLowerCase());
      const found = await reads.transactions(ids);
      const transactions = ids.flatMap((id) => found.get(id) ?? []);
      return { transactions: transactions.map((each) => transactionToProto(each, readerOf(call))) };
    },

    async listTransactions({ accountId, pageSize, pageToken }, call) {
      const [account] = await identify([accountId], call);
      const query = ['ListTransactions', account!.accountId];
      const from = decodeActivity(query, pageToken);
      const size = pageSize || limits.pageDefault;
      const found = await reads.activity(account!.accountId, from, size + 1);
      const page = found.slice(0, size);
      const transactions = await reads.transactions(page.map((each) => each.transactionId));
      return {
        transactions: page.map(({ transactionId }) =>
          transactionToProto(transactions.get(transactionId)!, readerOf(call)),
        ),
        nextPageToken: found.length > size ? encodeActivity(query, page, from) : '',
      };
    },

    async listReviews({ pageSize, pageToken }) {
      const query = ['ListReviews'];
      const from = decodePosition(decodePageToken(query, pageToken, 2));
      const size = pageSize || limits.pageDefault;
      const found = await reads.reviews(from, size + 1);
      const { page, nextPageToken } = cutPage(found, size, ({ createdAt, transactionId }) =>
        encodePageToken(query, [String(createdAt), transactionId]),
      );
      return { transactions: page.map((each) => transactionToProto(each, 'staff')), nextPageToken };
    },

    async getBalances({ accountIds, atTime }, call) {
      const wanted = await identify(accountIds, call);
      const ids = wanted.map(({ accountId }) => accountId);
      if (atTime !== undefined) {
        const past = await reads.balancesAt(ids, floorMs(atTime));
        return { balances: wanted.map((account) => pastToProto(account, past)) };
      }
      const accounts = await reads.accounts(ids);
      return { balances: ids.map((id) => balanceToProto(accounts.get(id)!)) };
    },

    async listEntries({ accountId, startTime, endTime, pageSize, pageToken }, call) {
      const [account] = await identify([accountId], call);
      const id = account!.accountId;
      const [start, end] = [startTime && ceilMs(startTime), endTime && ceilMs(endTime)];
      const query = ['ListEntries', id, String(start), String(end)];
      const next = decodeNumberToken(query, pageToken);
      const size = pageSize || limits.pageDefault;
      const { after, last } = await reads.period(id, start, end);
      const upTo = next === undefined || next > last ? last : next;
      const found = await reads.entries(id, { after, last: upTo }, size + 1);
      const { page, nextPageToken } = cutPage(found, size, ({ sequence }) =>
        encodePageToken(query, [String(sequence - 1n)]),
      );
      return { entries: page.map(entryToProto), nextPageToken };
    },

    async getStatement({ accountId, startTime, endTime }, call) {
      const [account] = await identify([accountId], call);
      const { accountId: id, currency: currencyCode } = account!;
      const { after, last, opening, closing, credits, debits } = await reads.totals(
        id,
        ceilMs(startTime!),
        ceilMs(endTime!),
      );
      const isEmpty = last <= after;
      return {
        accountId: id,
        currencyCode,
        openingMinor: opening,
        closingMinor: isEmpty ? opening : closing,
        creditsMinor: credits,
        debitsMinor: debits,
        firstSequence: isEmpty ? 0n : after + 1n,
        lastSequence: isEmpty ? 0n : last,
      };
    },
  };
}

/** Answers accounts in the order of their ids as given. Throws AccountNotFound for those that the caller may not see. */
export async function identifyOwn(
  identities: Identities,
  accountIds: readonly string[],
  call: Call,
): Promise<AccountIdentity[]> {
  const { mayUseAnyAccount, userId } = initiatorOf(call);
  const ids = accountIds.map((id) => id.toLowerCase());
  const found = await identities.read(ids);
  return ids.map((id) => {
    const account = found.get(id);
    if (account === undefined || !(mayUseAnyAccount || account.ownerId === userId)) {
      throw new AccountNotFound({ account_id: id });
    }
    return account;
  });
}

function pastToProto(
  { accountId, ownerId, currency }: AccountIdentity,
  past: Awaited<ReturnType<Reads['balancesAt']>>,
) {
  const balance = past.get(accountId);
  return {
    accountId,
    ownerId,
    currencyCode: currency,
    postedMinor: balance?.posted ?? 0n,
    sequence: balance?.sequence ?? 0n,
    updateTime: balance?.postedAt === undefined ? undefined : timestampFromMs(balance.postedAt),
  };
}

/** Times are kept in milliseconds: what was posted before a time was posted before the millisecond that it is or begins. */
function ceilMs({ seconds, nanos }: Timestamp): number {
  return Number(seconds) * 1000 + Math.ceil(nanos / 1_000_000);
}

function floorMs({ seconds, nanos }: Timestamp): number {
  return Number(seconds) * 1000 + Math.floor(nanos / 1_000_000);
}

function decodePosition(
  parts: readonly string[] | undefined,
): { createdAt: number; transactionId: string } | undefined {
  if (parts === undefined) return undefined;
  const [createdAt, transactionId] = parts as [string, string];
  // A token is not a secret: what it holds may have been made up.
  if (!/^\d{1,15}$/.test(createdAt) || !isUuid(transactionId)) throw new InvalidPageToken();
  return { createdAt: Number(createdAt), transactionId };
}

function encodeActivity(
  query: readonly string[],
  page: readonly Activity[],
  from: ActivityPosition | undefined,
): string {
  const posted = page.findLast(({ sequence }) => sequence !== undefined);
  const unposted = page.findLast(({ sequence }) => sequence === undefined);
  const behind = unposted
    ? { createdAt: unposted.at, transactionId: unposted.transactionId }
    : from?.unposted;
  return encodePageToken(query, [
    String(posted?.sequence ?? from?.sequence ?? ''),
    String(behind?.createdAt ?? ''),
    behind?.transactionId ?? '',
  ]);
}

function decodeActivity(query: readonly string[], token: string): ActivityPosition | undefined {
  const parts = decodePageToken(query, token, 3);
  if (parts === undefined) return undefined;
  const [sequence, createdAt, transactionId] = parts as [string, string, string];
  if (!/^\d{0,15}$/.test(sequence)) throw new InvalidPageToken();
  return {
    sequence: sequence === '' ? undefined : BigInt(sequence),
    unposted: createdAt === '' ? undefined : decodePosition([createdAt, transactionId]),
  };
}
