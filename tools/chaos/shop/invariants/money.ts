import { PaymentService } from '#gen/finance/payment/v1/payment_pb.ts';
import { moneyText } from '#kit/money.ts';
import { cardsAccountId } from '#services/finance/payment/domain/books.ts';
import { answersOf } from '../../desk.ts';
import { finding, type Page } from '../../invariants.ts';
import type { ShopEvidence } from '../evidence.ts';

interface Total {
  currency: string;
  taken: string;
  booked: string;
  sold: string;
}

/**
 * What the provider took and did not give back is what payments say, is what the ledger has of cards, is what paid orders
 * cost, less what somebody was answered to have given back of it.
 */
export async function checkMoney({ sql, provider, acknowledged }: ShopEvidence): Promise<Page> {
  const refunds = answersOf(acknowledged, PaymentService.method.refundPayment);
  const refunded = {
    orderIds: refunds.map(({ response }) => response.payment!.orderId),
    minors: refunds.map(({ request }) => String(request.amountMinor ?? 0n)),
  };
  // The provider knows an operation by its key, which begins with the payment's id.
  const perOrder = sql`
    with taken as (
      select split_part(key, ':', 1)::uuid as payment_id, currency,
        sum(captured_minor - refunded_minor) as minor,
        count(*) filter (where captured_minor > 0) as charges
      from sandbox_provider.operation
      where kind in ('charge', 'authorization') group by 1, 2),
    booked as (
      select order_id, payment_id, currency, captured_minor - refunded_minor as minor
      from finance_payment.payment),
    consoled as (
      select order_id, sum(minor) as minor
      from unnest(${refunded.orderIds}::uuid[], ${refunded.minors}::bigint[]) as t (order_id, minor)
      group by order_id),
    sold as (
      select order_id, currency, status,
        case when status in ('PAID', 'SHIPPED', 'DELIVERED')
          then total_minor - coalesce(consoled.minor, 0) else 0 end as minor
      from commerce_order.customer_order left join consoled using (order_id))
    select coalesce(booked.order_id, sold.order_id) as order_id,
      coalesce(taken.payment_id, booked.payment_id) as payment_id, sold.status,
      coalesce(taken.currency, booked.currency, sold.currency) as currency,
      coalesce(taken.minor, 0) as taken, coalesce(taken.charges, 0) as charges,
      coalesce(booked.minor, 0) as booked, coalesce(sold.minor, 0) as sold,
      sold.currency is distinct from taken.currency and coalesce(taken.minor, 0) > 0 as is_mixed
    from taken full join booked using (payment_id) full join sold using (order_id)`;
  const unequal = await sql`
    select * from (${perOrder}) as each
    where taken <> booked or booked <> sold or charges > 1 or is_mixed`;
  const orphans = await sql`
    select * from (${perOrder}) as each where order_id is null and taken <> 0`;
  const totals = await sql<Total[]>`
    select currency, sum(taken)::text as taken, sum(booked)::text as booked,
      sum(sold)::text as sold
    from (${perOrder}) as each where currency <> '' group by currency order by currency`;
  const told = await provider();
  const untold = totals.filter(({ currency, taken }) => {
    const { captured_minor = '0', refunded_minor = '0' } = told[currency] ?? {};
    return BigInt(captured_minor) - BigInt(refunded_minor) !== BigInt(taken);
  });
  const inLedger = await sql<{ account_id: string; paid: string }[]>`
    select account_id, (-posted_minor)::text as paid from finance_transaction.account
    where owner_id is null`;
  const paid = new Map(inLedger.map((row) => [row.account_id, row.paid]));
  const unsettled = totals.filter(
    ({ currency, booked }) => (paid.get(cardsAccountId(currency)) ?? '0') !== booked,
  );
  const unfinished = await sql`
    select payment_id, status from finance_payment.payment
    where due_at is not null or status not in ('CAPTURED', 'DECLINED', 'VOIDED', 'REFUNDED')`;
  const contradictions = await sql`
    select payment_id, operation, kind, verdict from finance_payment.provider_fact
    where verdict in ('ILLEGAL', 'WAITING')`;
  return {
    lines: totals.map(({ currency, taken, booked, sold }) => {
      const text = (minor: string) =>
        moneyText({ amountMinor: BigInt(minor), currencyCode: currency }, 'en');
      return `money: ${text(taken)} at the provider, ${text(booked)} in payments, ${text(sold)} in paid orders`;
    }),
    findings: [
      finding('each order costs what the provider took, once', unequal),
      finding('no charge is without an order', orphans),
      finding('the provider tells the sums that it keeps', untold),
      finding('what cards have paid is in the ledger', unsettled),
      finding('every payment is final', unfinished),
      finding('no fact contradicts a payment', contradictions),
    ],
  };
}
