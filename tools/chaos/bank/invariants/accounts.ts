import { AccountService } from '#gen/finance/account/v1/account_pb.ts';
import { answersOf } from '../../desk.ts';
import type { Evidence } from '../../evidence.ts';
import { finding, type Page } from '../../invariants.ts';

/** Each account that was asked for is there, in both books, and is what was made of it. */
export async function checkAccounts({ sql, acknowledged }: Evidence): Promise<Page> {
  const { createAccount, closeAccount } = AccountService.method;
  const opened = answersOf(acknowledged, createAccount).map(({ response }) => response.account!);
  const closed = answersOf(acknowledged, closeAccount).map(({ response }) => response.account!);
  const unequal = await sql`
    select account_id, own.owner_id, own.opened_at, ledger.owner_id as ledger_owner_id
    from finance_account.account own
      full join (select * from finance_transaction.account where owner_id is not null) as ledger
      using (account_id)
    where own.opened_at is null or (own.owner_id, own.type, own.currency)
      is distinct from (ledger.owner_id, ledger.type, ledger.currency)`;
  const missing = await sql`
    select account_id from unnest(${opened.map(({ accountId }) => accountId)}::uuid[]) as told (account_id)
      full join finance_account.account own using (account_id)
    group by account_id
    having count(told.account_id) = 0 or count(own.account_id) = 0`;
  const closedIds = closed.map(({ accountId }) => accountId);
  const other = await sql`
    select account_id, status from finance_transaction.account
    where status <> case when account_id = any(${closedIds}::uuid[]) then 'CLOSED' else 'ACTIVE' end`;
  return {
    lines: [`accounts: ${new Set(opened.map(({ accountId }) => accountId)).size} opened`],
    findings: [
      finding('an account is open in both books, and the same', unequal),
      finding('accounts are those that people were told of', missing),
      finding('an account has the status that was answered last', other),
    ],
  };
}
