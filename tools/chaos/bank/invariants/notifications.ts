import { fromBinary } from '@bufbuild/protobuf';
import {
  type Balance,
  LedgerAccountStatus,
  SetLedgerAccountStatusResponseSchema,
} from '#gen/finance/transaction/v1/transaction_pb.ts';
import { minorPerUnit } from '#kit/currency.ts';
import { limits } from '#services/platform/notification/domain.ts';
import type { Evidence } from '../../evidence.ts';
import { checkTellings } from '../../invariants/notifications.ts';
import type { Page } from '../../invariants.ts';
import { currencies } from '../bank.ts';

/** Everybody is told once of all that became of their money and their accounts, and of nothing else. */
export async function checkNotifications(evidence: Evidence): Promise<Page> {
  const freezes = await readFreezes(evidence.sql);
  // All currencies of a run have as many minor units.
  const largeMinor = String(limits.largePaymentMajorMin * minorPerUnit(currencies[0])!);
  return checkTellings(
    evidence,
    (sql) => sql`
    with told as (
      select t.*, source.owner_id as payer, destination.owner_id as payee
      from finance_transaction.transaction t
        left join finance_transaction.account source on source.account_id = source_id
        left join finance_transaction.account destination
          on destination.account_id = destination_id)
    select payer as user_id, case when captured_minor >= ${largeMinor}::bigint
      then 'LARGE_PAYMENT' else 'TRANSACTION_COMPLETED' end as kind,
      transaction_id::text as subject_id
    from told where status = 'COMPLETED' and payer is not null
    union all
    select payee, 'TRANSACTION_COMPLETED', transaction_id::text
    from told where status = 'COMPLETED' and payee is not null and payee is distinct from payer
    union all
    select payer, 'TRANSACTION_FAILED', transaction_id::text
    from told where status = 'FAILED' and payer is not null
    union all
    select payer, 'TRANSACTION_UNDER_REVIEW', transaction_id::text
    from told where payer is not null and 'REVIEW' in (risk_action, compliance_action)
      and coalesce(failure, 'REJECTED') in ('REJECTED', 'VOIDED', 'EXPIRED')
    union all
    select user_id, 'ACCOUNT_FROZEN', subject_id
    from unnest(
      ${freezes.map(({ ownerId }) => ownerId)}::uuid[],
      ${freezes.map(({ accountId, version }) => `${accountId}:${version}`)}::text[]
    ) as t (user_id, subject_id)`,
  );
}

/** What froze an account that was not frozen, by what the ledger has answered: only by such requests does its status change. */
async function readFreezes(sql: Evidence['sql']): Promise<Balance[]> {
  const rows = await sql<{ response: Buffer }[]>`
    select response from finance_transaction.request_log
    where scope like '%/SetLedgerAccountStatus' and response is not null`;
  const answers = rows.map(
    ({ response }) => fromBinary(SetLedgerAccountStatusResponseSchema, response).balance!,
  );
  const byAccount = Map.groupBy(answers, ({ accountId }) => accountId);
  return [...byAccount.values()].flatMap((balances) => {
    const ordered = balances.toSorted((a, b) => Number(a.version - b.version));
    const { FROZEN } = LedgerAccountStatus;
    return ordered.filter(
      ({ status }, i) => status === FROZEN && ordered[i - 1]?.status !== FROZEN,
    );
  });
}
