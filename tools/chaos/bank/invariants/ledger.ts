import { brokenInvariants } from '#services/finance/transaction/invariants.ts';
import type { Evidence } from '../../evidence.ts';
import { finding, type Page } from '../../invariants.ts';

/** The ledger holds together, and every transaction that holds or moved money has verdicts that were given upon it. */
export async function checkLedger({ sql }: Evidence): Promise<Page> {
  return {
    lines: [],
    findings: [
      finding('the ledger holds together', await brokenInvariants(sql)),
      finding('a transaction moves its legs once, or nothing', await findUnmoved(sql)),
      finding('risk has decided what was posted or held, as it says', await findUndecided(sql)),
      finding('compliance has stopped what was stopped, as it says', await findUnstopped(sql)),
      finding('a verdict is used once', await findReused(sql)),
    ],
  };
}

/** What the legs of transactions say, against what is in the entries. */
function findUnmoved(sql: Evidence['sql']) {
  return sql`
    with completed as (select * from finance_transaction.transaction where status = 'COMPLETED'),
    leg as (
      select transaction_id, source_id, destination_id, captured_minor as minor from completed
      union all
      select transaction_id, split_part(leg, ' ', 1)::uuid, split_part(leg, ' ', 2)::uuid,
        split_part(leg, ' ', 3)::bigint
      from completed, unnest(string_to_array(further_legs, ',')) as leg),
    due as (
      select transaction_id, account_id, array_agg(minor order by minor) as deltas from (
        select transaction_id, source_id as account_id, -minor as minor from leg
        union all
        select transaction_id, destination_id, minor from leg) as side
      group by transaction_id, account_id),
    made as (
      select transaction_id, account_id, array_agg(delta_minor order by delta_minor) as deltas
      from finance_transaction.entry group by transaction_id, account_id)
    select transaction_id, account_id, due.deltas::text as due, made.deltas::text as made
    from due full join made using (transaction_id, account_id)
    where due.deltas is distinct from made.deltas`;
}

function findUndecided(sql: Evidence['sql']) {
  return sql`
    select t.transaction_id, t.status, t.risk_action, d.action
    from finance_transaction.transaction t
      left join finance_risk.decision d on d.transaction_id = t.transaction_id
    where t.reverses_id is null and (
      d.decision_id is distinct from t.risk_decision_id or d.action is distinct from t.risk_action
      or d.content_hash is distinct from t.risk_hash)`;
}

/** What is let pass is not kept there: asked again, when the answer is long there, compliance may see it otherwise. */
function findUnstopped(sql: Evidence['sql']) {
  return sql`
    select transaction_id, t.status, t.compliance_action, d.action
    from finance_transaction.transaction t
      left join finance_compliance.decision d using (transaction_id)
    where t.compliance_action <> 'ALLOW' and (d.action, d.decision_id, d.content_hash)
        is distinct from (t.compliance_action, t.compliance_decision_id, t.compliance_hash)
      or t.compliance_action = 'ALLOW' and d.decided_at < t.created_at`;
}

function findReused(sql: Evidence['sql']) {
  return sql`
    select decision_id, count(*)::integer as uses from (
      select risk_decision_id as decision_id from finance_transaction.transaction
      union all
      select compliance_decision_id from finance_transaction.transaction) as used
    where decision_id is not null group by decision_id having count(*) > 1`;
}
