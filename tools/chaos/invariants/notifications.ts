import type { Evidence } from '../evidence.ts';
import { finding, type Page, tally } from '../invariants.ts';

interface Telling {
  kind: string;
  subject_id: string;
  /** Whom it concerns; null when it never happened. */
  owner: string | null;
  /** Who was told of it; null when nobody was. */
  told: string | null;
}

/** Everybody is told once of all that became of their orders and their money, and of nothing else. */
export async function checkNotifications({ sql }: Evidence): Promise<Page> {
  // An order that is cancelled at version 4 had been pending, confirmed and paid before. One payment has one refund
  // here: of a cancelled order whole, of another a part.
  const due = sql`
    with sold as (
      select *, status in ('PAID', 'SHIPPED', 'DELIVERED')
        or (status = 'CANCELLED' and version = 4) as was_paid
      from commerce_order.customer_order)
    select user_id, 'ORDER_CONFIRMED' as kind, order_id::text as subject_id from sold where was_paid
    union all
    select user_id, 'ORDER_SHIPPED', order_id::text from sold
      where status in ('SHIPPED', 'DELIVERED')
    union all
    select user_id, 'ORDER_DELIVERED', order_id::text from sold where status = 'DELIVERED'
    union all
    select user_id, 'ORDER_CANCELLED', order_id::text from sold where status = 'CANCELLED'
    union all
    select user_id, 'PAYMENT_REFUNDED', payment_id || ':' || refunded_minor
      from finance_payment.payment where refunded_minor > 0`;
  const tellings = await sql<Telling[]>`
    select kind, subject_id, due.user_id as owner, told.user_id as told
    from (${due}) as due full join platform_notification.notification told
      using (kind, subject_id)`;
  const byThing = Map.groupBy(tellings, ({ kind, subject_id }) => `${kind} ${subject_id}`);
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
        tellings.filter(({ told }) => told === null),
      ),
      finding(
        'people are told once',
        [...byThing].filter(([, { length }]) => length > 1).map(([thing]) => thing),
      ),
      finding(
        'people are told of their own',
        tellings.filter(({ owner, told }) => owner !== null && told !== null && owner !== told),
      ),
      finding(
        'people are told of what happened',
        tellings.filter(({ owner }) => owner === null),
      ),
      finding('the positions of a list have no gap', gaps),
    ],
  };
}
