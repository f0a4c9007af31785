import {
  FailureReasonSchema,
  type Transaction,
  TransactionStatus,
  TransactionStatusSchema,
} from '#gen/finance/transaction/v1/transaction_pb.ts';
import { TransactionTypeSchema } from '#gen/finance/transaction/v1/verdict_pb.ts';
import type { Evidence } from '../../evidence.ts';
import { finding, type Page, tally } from '../../invariants.ts';
import { type Deal, dealsOf, failuresOf, transactionsOf } from '../deals.ts';

interface Row {
  transaction_id: string;
  type: string;
  status: string;
  failure: string | null;
  source_id: string;
  destination_id: string;
  amount_minor: string;
  captured_minor: string;
  currency: string;
  reverses_id: string | null;
}

/** What people were told of transactions is what the books say, and the books have nothing else. */
export async function checkTransactions({ sql, acknowledged }: Evidence): Promise<Page> {
  const deals = dealsOf(acknowledged);
  const rows = await sql<Row[]>`
    select transaction_id, type, status, failure, source_id, destination_id, amount_minor::text,
      captured_minor::text, currency, reverses_id
    from finance_transaction.transaction`;
  const byId = new Map(rows.map((row) => [row.transaction_id, row]));
  const told = transactionsOf(deals);
  const failed = failuresOf(deals);
  const known = new Set([...told, ...failed].map(({ transactionId }) => transactionId));
  const byStatus = Map.groupBy(rows, ({ status, failure }) => failure ?? status);
  const counts = [...byStatus].map(([status, { length }]) => [status, length] as const);
  return {
    lines: [`transactions: ${tally(counts)}`],
    findings: [
      finding(
        'a transaction is what was answered last',
        told.flatMap((transaction) => {
          const found = byId.get(transaction.transactionId);
          return isAsTold(toRow(transaction), found) ? [] : [{ told: toRow(transaction), found }];
        }),
      ),
      finding(
        'what was refused has failed, for the reason that was told',
        failed.filter(({ transactionId, reason }) => byId.get(transactionId)?.failure !== reason),
      ),
      finding(
        'no transaction was made of which nobody was told',
        rows.filter(({ transaction_id }) => !known.has(transaction_id)),
      ),
      finding('one request is about one transaction', findDoubled(deals)),
      finding('a review that was answered is kept, once', await findUnreviewed(sql, deals)),
    ],
  };
}

function toRow(transaction: Transaction): Row {
  const { failureReason } = transaction;
  return {
    transaction_id: transaction.transactionId,
    type: TransactionTypeSchema.value[transaction.type]!.localName,
    status: TransactionStatusSchema.value[transaction.status]!.localName,
    failure: failureReason === 0 ? null : FailureReasonSchema.value[failureReason]!.localName,
    source_id: transaction.sourceAccountId,
    destination_id: transaction.destinationAccountId,
    amount_minor: String(transaction.amount!.amountMinor),
    captured_minor: String(transaction.capturedMinor),
    currency: transaction.amount!.currencyCode,
    reverses_id: transaction.reversesTransactionId || null,
  };
}

/** Nobody is told when a hold runs out; all else that becomes of a transaction somebody asked for, and was answered. */
function isAsTold(told: Row, found: Row | undefined): boolean {
  const open = [TransactionStatus.PENDING, TransactionStatus.PROCESSING].map(
    (status) => TransactionStatusSchema.value[status]!.localName,
  );
  const hasExpired = found?.failure === 'EXPIRED' && open.includes(told.status);
  const due: Row = hasExpired ? { ...told, status: 'CANCELLED', failure: 'EXPIRED' } : told;
  return Object.entries(due).every(([column, value]) => found?.[column as keyof Row] === value);
}

function findDoubled(deals: readonly Deal[]) {
  const named = deals.map(({ method, requestId, userId, transaction, refusal }) => ({
    request: `${userId} ${method} ${requestId}`,
    about: transaction?.transactionId ?? refusal?.metadata.transaction_id,
  }));
  return [...Map.groupBy(named, ({ request }) => request).values()].filter(
    (about) => new Set(about.map((each) => each.about)).size > 1,
  );
}

function findUnreviewed(sql: Evidence['sql'], deals: readonly Deal[]) {
  const reviews = deals.filter(({ method, transaction }) => {
    return method === 'ReviewTransaction' && transaction !== undefined;
  });
  return sql`
    with told as (
      select * from unnest(
        ${reviews.map(({ transaction }) => transaction!.transactionId)}::uuid[],
        ${reviews.map(({ userId }) => userId!)}::text[]) as t (transaction_id, reviewer)),
    kept as (
      select transaction_id, review ->> 'reviewerId' as reviewer
      from finance_transaction.transaction, jsonb_array_elements(reviews) as review)
    select transaction_id, reviewer, coalesce(told.count, 0) as told, coalesce(kept.count, 0) as kept
    from (select transaction_id, reviewer, count(*)::integer from told group by 1, 2) as told
      full join (select transaction_id, reviewer, count(*)::integer from kept group by 1, 2) as kept
      using (transaction_id, reviewer)
    where told.count is distinct from kept.count`;
}
