import { type Transaction, TransactionStatus } from '#gen/finance/transaction/v1/transaction_pb.ts';
import { moneyText } from '#kit/money.ts';
import type { Evidence } from '../../evidence.ts';
import { finding, type Page } from '../../invariants.ts';
import { dealsOf, transactionsOf } from '../deals.ts';

interface Row {
  account_id: string;
  currency: string;
  is_system: boolean;
  posted_minor: string;
}

/** What is on each account is what its people were answered to have moved: nothing is lost, made, or moved twice. */
export async function checkBalances({ sql, acknowledged }: Evidence): Promise<Page> {
  const told = movedIn(transactionsOf(dealsOf(acknowledged)));
  const rows = await sql<Row[]>`
    select account_id, currency, owner_id is null as is_system, posted_minor::text
    from finance_transaction.account order by currency`;
  const known = new Set(rows.map(({ account_id }) => account_id));
  const byCurrency = Map.groupBy(
    rows.filter(({ is_system }) => !is_system),
    ({ currency }) => currency,
  );
  return {
    lines: [...byCurrency].map(([currencyCode, accounts]) => {
      const amountMinor = accounts.reduce((sum, row) => sum + BigInt(row.posted_minor), 0n);
      const text = moneyText({ amountMinor, currencyCode }, 'en');
      return `money: ${text} on ${accounts.length} accounts of customers`;
    }),
    findings: [
      finding(
        'balances are what the answers add up to',
        rows.flatMap(({ account_id, posted_minor }) => {
          const due = told.get(account_id) ?? 0n;
          return due === BigInt(posted_minor) ? [] : [{ account_id, posted_minor, due }];
        }),
      ),
      finding(
        'money is on accounts that there are',
        [...told.keys()].filter((accountId) => !known.has(accountId)),
      ),
    ],
  };
}

/** What transactions have moved, by account. */
function movedIn(transactions: readonly Transaction[]): Map<string, bigint> {
  const sums = new Map<string, bigint>();
  const add = (accountId: string, minor: bigint) =>
    sums.set(accountId, (sums.get(accountId) ?? 0n) + minor);
  for (const { status, capturedMinor, furtherLegs, ...first } of transactions) {
    if (status !== TransactionStatus.COMPLETED) continue;
    add(first.sourceAccountId, -capturedMinor);
    add(first.destinationAccountId, capturedMinor);
    for (const { sourceAccountId, destinationAccountId, amount } of furtherLegs) {
      add(sourceAccountId, -amount!.amountMinor);
      add(destinationAccountId, amount!.amountMinor);
    }
  }
  return sums;
}
