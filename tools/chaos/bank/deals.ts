/** What callers were answered about transactions, those of a batch apart. */
import type { MessageShape } from '@bufbuild/protobuf';
import {
  type Transaction,
  TransactionService,
  TransactionStatus,
} from '#gen/finance/transaction/v1/transaction_pb.ts';
import { RpcError } from '#kit/errors.ts';
import { batchOutcomes } from '#kit/load/batch.ts';
import type { Acknowledged } from '../desk.ts';

/** One request to the ledger, with its transaction or why there is none. */
export interface Deal {
  readonly method: string;
  readonly requestId: string;
  /** Who asked. */
  readonly userId: string | undefined;
  readonly transaction: Transaction | undefined;
  readonly refusal: RpcError | undefined;
}

const { batchExecuteTransactions, executeTransaction } = TransactionService.method;

export function dealsOf(acknowledged: readonly Acknowledged[]): Deal[] {
  return acknowledged
    .filter(({ method }) => method.parent.typeName === TransactionService.typeName)
    .flatMap((each) => (each.method === batchExecuteTransactions ? itemsOf(each) : dealOf(each)));
}

function dealOf({ person, method, request, response, refusal }: Acknowledged): Deal {
  const { requestId } = request as { requestId: string };
  const { transaction } = { transaction: undefined, ...response } as { transaction?: Transaction };
  return { method: method.name, requestId, userId: person?.userId, transaction, refusal };
}

function itemsOf({ person, request, response }: Acknowledged): Deal[] {
  const { results } = response as MessageShape<typeof batchExecuteTransactions.output>;
  const { requests } = request as { requests: readonly { requestId: string }[] };
  return batchOutcomes(results).map((outcome, i) => ({
    method: executeTransaction.name,
    requestId: requests[i]!.requestId,
    userId: person?.userId,
    transaction: 'value' in outcome ? outcome.value.transaction : undefined,
    refusal: 'error' in outcome && outcome.error instanceof RpcError ? outcome.error : undefined,
  }));
}

/** How far a transaction has come: what is told of it later never says less. */
function stageOf({ status, awaits }: Transaction): number {
  if (status === TransactionStatus.PENDING) return awaits;
  return status === TransactionStatus.PROCESSING ? 1.5 : 3;
}

/** Each transaction as it was told last. */
export function transactionsOf(deals: readonly Deal[]): Transaction[] {
  const told = new Map<string, Transaction>();
  for (const { transaction } of deals) {
    if (transaction === undefined) continue;
    const known = told.get(transaction.transactionId);
    if (known !== undefined && stageOf(known) >= stageOf(transaction)) continue;
    told.set(transaction.transactionId, transaction);
  }
  return [...told.values()];
}

/** Transactions that were refused for good, and why: they are kept as failed. */
export function failuresOf(deals: readonly Deal[]): { transactionId: string; reason: string }[] {
  const moving = ['ExecuteTransaction', 'AuthorizeTransaction'];
  return deals.flatMap(({ method, refusal }) => {
    const { transaction_id: transactionId } = refusal?.metadata ?? {};
    if (transactionId === undefined || !moving.includes(method)) return [];
    const reason = refusal!.reason === 'TRANSACTION_DENIED' ? 'DENIED' : refusal!.reason;
    return [{ transactionId, reason }];
  });
}
