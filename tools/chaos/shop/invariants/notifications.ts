import type { Evidence } from '../../evidence.ts';
import { checkTellings } from '../../invariants/notifications.ts';
import type { Page } from '../../invariants.ts';

/** Everybody is told once of all that became of their orders and their money, and of nothing else. */
export function checkNotifications(evidence: Evidence): Promise<Page> {
  // An order that is cancelled at version 4 had been pending, confirmed and paid before. One payment has one refund
  // here: of a cancelled order whole, of another a part.
  return checkTellings(
    evidence,
    (sql) => sql`
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
      from finance_payment.payment where refunded_minor > 0`,
  );
}
