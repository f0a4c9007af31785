import type { MessageInitShape } from '@bufbuild/protobuf';
import type { WatchTransactionsResponseSchema } from '#gen/finance/transaction/v1/transaction_pb.ts';
import type { Call } from '#kit/rpc/server/call.ts';
import type { WatchHub } from '#kit/streams/watch.ts';
import { readerOf } from '../callers.ts';
import { type Account, limits } from '../domain.ts';
import { balanceToProto, transactionToProto } from '../proto.ts';
import { identifyOwn, type ReadDeps } from './reads.ts';

/**
 * Streams accounts: each as it is, then one message for every transaction that is posted to it. The numbers of entries
 * have no gaps, so what happened between two looks is read anew, and nothing of it is left out.
 */
export async function* watchAccounts(
  { reads, identities, hub }: ReadDeps & { hub: WatchHub<Account> },
  accountIds: readonly string[],
  call: Call,
): AsyncGenerator<MessageInitShape<typeof WatchTransactionsResponseSchema>> {
  const wanted = await identifyOwn(identities, accountIds, call);
  const sent = new Map<string, bigint>();
  const ids = wanted.map(({ accountId }) => accountId);
  for await (const { value: account } of hub.watch(ids, call.signal)) {
    const { accountId, sequence } = account;
    const balance = balanceToProto(account);
    let after = sent.get(accountId) ?? sequence;
    sent.set(accountId, sequence);
    if (after === sequence) yield { balance };
    while (after < sequence) {
      const period = { after, last: sequence };
      const { upTo, transactions } = await reads.posted(accountId, period, limits.watchEntriesMax);
      for (const transaction of transactions) {
        yield { balance, transaction: transactionToProto(transaction, readerOf(call)) };
      }
      after = upTo;
    }
  }
}
