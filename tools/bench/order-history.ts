import type { Sql } from 'postgres';

/**
 * Stores finished orders of earlier days, with their payments, reservations and recorded requests, so that the total is
 * `count`: what a shop that has been running for a while carries with it.
 */
export async function addOldOrders(sql: Sql, count: number): Promise<void> {
  await sql.unsafe(
    'create temp table if not exists old_order (order_id uuid, user_id uuid, n bigint)',
  );
  await sql.unsafe('truncate old_order');
  await sql`
    insert into old_order
    select uuidv7(interval '-30 days' + n * interval '1 second'), gen_random_uuid(), n
    from generate_series(1, greatest(0, ${count} - (
      select count(*) from commerce_order.customer_order))) as n`;
  await sql`
    insert into commerce_order.customer_order (order_id, user_id, request_id, request_hash, status,
      step, lines, currency, total_minor, address, payment_token, cancel_reason, cancel_detail, version,
      created_at, updated_at)
    select order_id, user_id, gen_random_uuid(), decode(repeat('ab', 32), 'hex'), 'CANCELLED', 'DONE',
      '[["BENCH-1", "00000000-0000-7000-8000-000000000000", "Bench", 1, "1250"]]', 'EUR', 1250,
      '{"recipient": "Ada Lovelace", "lines": ["12 St James Square"], "city": "London", "postalCode": "", "countryCode": "GB"}',
      null, 'REQUESTED', '', 3, now() - interval '30 days', now() - interval '30 days'
    from old_order`;
  await sql`
    insert into commerce_order.request_log (request_id, scope, request_hash, response)
    select order_id, user_id || '/CreateOrder', decode(repeat('ab', 32), 'hex'), decode(repeat('cd', 200), 'hex')
    from old_order`;
  await sql`
    insert into commerce_inventory.reservation (order_id, state, lines, expires_at)
    select order_id, 'RELEASED', '[["BENCH-1", 1]]', now() - interval '30 days' from old_order`;
  await sql`
    insert into commerce_inventory.request_log (request_id, scope, request_hash, response)
    select order_id, 'commerce.order/' || method, decode(repeat('ab', 32), 'hex'), decode(repeat('cd', 80), 'hex')
    from old_order, unnest(array['ReserveStock', 'CommitReservation']) as method`;
  await sql`
    insert into finance_payment.payment (payment_id, order_id, user_id, currency, amount_minor,
      intent, status, request_key, request_hash, created_at, updated_at)
    select order_id, order_id, user_id, 'EUR', 1250, 'CHARGE', 'DECLINED', gen_random_uuid(),
      decode(repeat('ab', 32), 'hex'), now() - interval '30 days', now() - interval '30 days'
    from old_order`;
  await sql`
    insert into finance_payment.request_log (request_id, scope, request_hash, response)
    select order_id, 'commerce.order/ProcessPayment', decode(repeat('ab', 32), 'hex'), decode(repeat('cd', 150), 'hex')
    from old_order`;
  // Days ago the database has done this by itself, and would else do it while others are measured.
  await sql.unsafe(`vacuum (analyze) commerce_order.customer_order, commerce_order.request_log,
    commerce_inventory.reservation, commerce_inventory.request_log, finance_payment.request_log, finance_payment.payment`);
  await sql.unsafe('checkpoint');
}
