/** What must hold of the ledger, whatever happened: for tests, benchmarks and whoever looks after it. */
import type { Sql } from 'postgres';

/**
 * What must hold whatever happened: answers sentences about what does not. Sums per currency are 0, entries are gapless
 * and add up, balances are their last entries, holds are the open transactions, and no balance is below its floor.
 */
export async function brokenInvariants(sql: Sql): Promise<string[]> {
  const rows = await sql.begin(async (tx) => {
    await tx.unsafe('set local search_path = finance_transaction');
    return tx.unsafe<{ broken: string }[]>(invariantsSql);
  });
  return rows.map(({ broken }) => broken);
}

/** What accounts hold and expect that is not what their open transactions say: selects account_id and explanation. */
export const holdsSql = `
  select account_id, 'holds ' || held_minor || ' and expects ' || incoming_minor || ', open transactions '
    || coalesce(held, 0) || ' and ' || coalesce(incoming, 0) as explanation
  from account left join (
    select source_id as account_id, sum(amount_minor) as held from open_leg group by source_id) h
    using (account_id)
  left join (
    select destination_id as account_id, sum(amount_minor) as incoming from open_leg
    group by destination_id) i using (account_id)
  where held_minor <> coalesce(held, 0) or incoming_minor <> coalesce(incoming, 0)`;

/** The legs of transactions that hold money, as a table for others. */
export const openLegSql = `
  open_leg as (
    select transaction_id, source_id, destination_id, amount_minor from transaction
    where awaits is not null
    union all
    select transaction_id, split_part(leg, ' ', 1)::uuid, split_part(leg, ' ', 2)::uuid,
      split_part(leg, ' ', 3)::bigint
    from transaction, unnest(string_to_array(further_legs, ',')) as leg where awaits is not null)`;

export const invariantsSql = `
  with ${openLegSql},
  ordered as (
    select *, lag(sequence, 1, 0::bigint) over w as before, lag(balance_minor, 1, 0::bigint) over w as was,
      lag(created_at) over w as earlier
    from entry window w as (partition by account_id order by sequence))
  select 'the balances of ' || currency || ' add up to ' || sum(posted_minor) as broken
  from account group by currency having sum(posted_minor) <> 0
  union all
  select 'the entries of ' || currency || ' add up to ' || sum(delta_minor)
  from entry join account using (account_id) group by currency having sum(delta_minor) <> 0
  union all
  select 'entry ' || sequence || ' of ' || account_id || ' does not follow from the one before'
  from ordered
  where sequence <> before + 1 or balance_minor <> was + delta_minor or created_at < earlier
  union all
  select 'account ' || a.account_id || ' is not what its last entry left'
  from account a left join lateral (
    select e.sequence, e.balance_minor from entry e where e.account_id = a.account_id
    order by e.sequence desc limit 1) e on true
  where a.sequence <> coalesce(e.sequence, 0) or a.posted_minor <> coalesce(e.balance_minor, 0)
  union all
  select 'account ' || account_id || ' ' || explanation from (${holdsSql}) as held
  union all
  select 'account ' || account_id || ' is below its floor'
  from account where posted_minor - held_minor < floor_minor
  union all
  select 'entry ' || e.sequence || ' of ' || account_id || ' is below the floor'
  from entry e join account using (account_id) where balance_minor < floor_minor
  union all
  select 'transaction ' || transaction_id || ' moved money without a verdict'
  from transaction where status = 'COMPLETED' and reverses_id is null
    and (risk_action is null or compliance_action is null or 'DENY' in (risk_action, compliance_action))
  union all
  select 'transaction ' || transaction_id || ' is completed and has no entries'
  from transaction t where status = 'COMPLETED'
    and not exists (select from entry e where e.transaction_id = t.transaction_id)
`;
