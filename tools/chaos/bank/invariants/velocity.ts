import { decodeUsage } from '#services/finance/risk/domain/usage.ts';
import type { Evidence } from '../../evidence.ts';
import { finding, type Page } from '../../invariants.ts';

interface Count {
  count: number;
  sum: bigint;
}

/** The windows count what was posted, and what is reserved for what may still be, and nothing else. */
export async function checkVelocity({ sql }: Evidence): Promise<Page> {
  const open = await sql`
    select transaction_id, t.status from finance_risk.reservation
      join finance_risk.decision using (decision_id)
      join finance_transaction.transaction t using (transaction_id)
    where t.awaits is null`;
  const due = await readDue(sql);
  const counted = await readCounted(sql);
  const subjects = new Set([...due.keys(), ...counted.keys()]);
  const differing = [...subjects].flatMap((subject) => {
    const [one, other] = [due, counted].map((side) => side.get(subject) ?? { count: 0, sum: 0n });
    const isEqual = one!.count === other!.count && one!.sum === other!.sum;
    return isEqual ? [] : [{ subject, due: one, counted: other }];
  });
  return {
    lines: [],
    findings: [
      finding('no reservation outlives its transaction', open),
      finding('what is counted is what was posted or is reserved', differing),
    ],
  };
}

/** What was counted within thirty days, which is all of a run. */
async function readCounted(sql: Evidence['sql']): Promise<Map<string, Count>> {
  const rows = await sql<{ subject: string; usage: Buffer }[]>`
    select subject, usage from finance_risk.velocity`;
  return new Map(
    rows.map(({ subject, usage }) => {
      const days = decodeUsage(usage).at(-1)!;
      const sum = days.reduce((total, day) => total + day.sum, 0n);
      return [subject, { count: days.reduce((total, day) => total + day.count, 0), sum }];
    }),
  );
}

/** As the ledger has it, each transaction once for each subject, with what reservations hold beside it. */
async function readDue(sql: Evidence['sql']): Promise<Map<string, Count>> {
  const rows = await sql<{ subject: string; count: number; sum: string }[]>`
    with posted as (
      select * from finance_transaction.transaction
      where status = 'COMPLETED' and reverses_id is null),
    leg as (
      select transaction_id, source_id, destination_id, captured_minor as minor from posted
      union all
      select transaction_id, split_part(leg, ' ', 1)::uuid, split_part(leg, ' ', 2)::uuid,
        split_part(leg, ' ', 3)::bigint
      from posted, unnest(string_to_array(further_legs, ',')) as leg),
    claim as (
      select transaction_id, minor, unnest(array[
        'account/' || source_id, 'person/' || owner_id || '/' || currency,
        'counterparty/' || source_id || '/' || destination_id]) as subject
      from leg join finance_transaction.account on account_id = source_id
      where owner_id is not null),
    piece as (
      select reservation.decision_id, position, part
      from finance_risk.reservation,
        unnest(string_to_array(claims, '_')) with ordinality as t (part, position)),
    reserved as (
      select name.decision_id, amount.part::bigint as minor, name.part as subject
      from piece as name join piece as amount
        on amount.decision_id = name.decision_id and amount.position = name.position + 1
      where name.position % 2 = 1)
    select subject, count(distinct id)::integer as count, sum(minor)::text as sum from (
      select transaction_id as id, minor, subject from claim
      union all
      select decision_id, minor, subject from reserved) as counted
    group by subject`;
  return new Map(
    rows.map(({ subject, count, sum }) => [subject, { count, sum: BigInt(sum) }] as const),
  );
}
