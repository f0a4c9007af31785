import type postgres from 'postgres';
import type { Evidence } from '../evidence.ts';
import { finding, type Page, tally } from '../invariants.ts';

interface Telling {
  user_id: string;
  kind: string;
  subject_id: string;
  /** How often they were to be told. */
  due: number;
  /** How often they were. */
  told: number;
}

/**
 * Everybody is told once of all that concerns them, and of nothing else. `dueOf` selects what they are to be told: user_id,
 * kind and subject_id.
 */
export async function checkTellings(
  { sql }: Evidence,
  dueOf: (sql: Evidence['sql']) => postgres.PendingQuery<postgres.Row[]>,
): Promise<Page> {
  const due = dueOf(sql);
  const tellings = await sql<Telling[]>`
    with due as (
      select user_id, kind, subject_id, count(*)::integer as due from (${due}) as due
      group by 1, 2, 3),
    told as (
      select user_id, kind, subject_id, count(*)::integer as told
      from platform_notification.notification group by 1, 2, 3)
    select user_id, kind, subject_id, coalesce(due, 0) as due, coalesce(told, 0) as told
    from due full join told using (user_id, kind, subject_id)`;
  const gaps = await sql`
    select f.user_id, f.last_position, count(n.position) as told, max(n.position) as latest
    from platform_notification.feed f left join platform_notification.notification n using (user_id)
    group by f.user_id
    having count(n.position) <> f.last_position
      or coalesce(max(n.position), 0) <> f.last_position or coalesce(min(n.position), 1) <> 1`;
  const byKind = Map.groupBy(tellings, ({ kind }) => kind);
  const counts = [...byKind].map(([kind, { length }]) => [kind, length] as const);
  return {
    lines: [`notifications: ${tally(counts)}`],
    findings: [
      finding(
        'people are told of all that concerns them',
        tellings.filter(({ due, told }) => due > 0 && told === 0),
      ),
      finding(
        'people are told once',
        tellings.filter(({ told }) => told > 1),
      ),
      finding(
        'people are told of their own, and of what happened',
        tellings.filter(({ due }) => due === 0),
      ),
      finding('the positions of a list have no gap', gaps),
    ],
  };
}
