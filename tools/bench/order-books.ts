import type { Sql } from 'postgres';

/**
 * Holds the books of a shop against each other once it is quiet; says each that does not agree, and answers how many.
 * `paidMin` is how many orders were answered as paid.
 */
export async function countBrokenBooks(
  sql: Sql,
  paidMin: number,
  say: (line: string) => void,
): Promise<number> {
  let broken = 0;
  const check = (claim: string, holds: boolean) => {
    if (holds) return;
    broken += 1;
    say(`  BROKEN: ${claim}`);
  };
  const [orders] = await sql`
    select count(*) filter (where status = 'PAID' and step = 'DONE')::int as paid,
      count(*) filter (where step <> 'DONE')::int as open
    from commerce_order.customer_order`;
  check(`${paidMin} orders answered as paid, ${orders!.paid} stored`, orders!.paid >= paidMin);
  check(`${orders!.open} orders are left open`, orders!.open === 0);
  const money = await sql`
    select order_id from commerce_order.customer_order o
    full join finance_payment.payment p using (order_id)
    where case when o.status = 'PAID' then o.total_minor else 0 end
      <> coalesce(p.captured_minor - p.refunded_minor, 0) limit 10`;
  check(`${money.length} orders whose money differs`, money.length === 0);
  const stock = await sql`
    select sku from commerce_inventory.stock s
    where reserved <> 0 or on_hand < 0 or on_hand + sold <> (
      select sum(delta) from commerce_inventory.stock_movement m where m.sku = s.sku) limit 10`;
  check(`${stock.length} SKUs with stock held or lost`, stock.length === 0);
  const [units] = await sql`
    select (select sum(sold) from commerce_inventory.stock)::text as sold,
      (select sum((line ->> 3)::bigint) from commerce_order.customer_order,
        jsonb_array_elements(lines) as line where status = 'PAID')::text as ordered`;
  check(`${units!.ordered} units ordered, ${units!.sold} sold`, units!.ordered === units!.sold);
  return broken;
}
