import { InventoryService } from '#gen/commerce/inventory/v1/inventory_pb.ts';
import { type Acknowledged, answersOf } from '../../desk.ts';
import { finding, type Page } from '../../invariants.ts';
import type { ShopEvidence } from '../evidence.ts';

interface Row {
  sku: string;
  on_hand: string;
  reserved: string;
  sold: string;
  ordered: string;
}

/** Every unit that came in is on hand, or sold to an order that is paid. */
export async function checkStock(evidence: ShopEvidence): Promise<Page> {
  const { sql, acknowledged, shop } = evidence;
  const rows = await sql<Row[]>`
    with ordered as (
      select line ->> 0 as sku, sum((line ->> 3)::bigint) as units
      from commerce_order.customer_order, jsonb_array_elements(lines) as line
      where status in ('PAID', 'SHIPPED', 'DELIVERED') group by 1)
    select sku, on_hand::text, reserved::text, sold::text,
      coalesce(ordered.units, 0)::text as ordered
    from commerce_inventory.stock full join ordered using (sku) order by sku`;
  const known = rows.filter(({ sku }) => shop.stocked.has(sku));
  const recounted = sumOfRecounts(acknowledged);
  const came = ({ sku }: Row) => shop.stocked.get(sku)! + (recounted.get(sku) ?? 0n);
  const reservations = await sql`
    select r.order_id, r.state, o.status
    from commerce_inventory.reservation r
      full join commerce_order.customer_order o using (order_id)
    where (coalesce(o.status in ('PAID', 'SHIPPED', 'DELIVERED'), false)
        <> coalesce(r.state = 'COMMITTED', false)) or r.state = 'ACTIVE'`;
  return {
    lines: known.map(
      (row) =>
        `stock: ${shortSku(row)} received ${came(row)}, on hand ${row.on_hand}, sold ${row.sold}`,
    ),
    findings: [
      finding(
        'no unit is lost or made',
        known.filter((row) => BigInt(row.on_hand) + BigInt(row.sold) !== came(row)),
      ),
      finding(
        'units sold are units of paid orders',
        rows.filter(({ sold, ordered }) => sold !== ordered),
      ),
      finding(
        'nothing stays reserved',
        rows.filter(({ reserved }) => reserved !== '0'),
      ),
      finding(
        'nothing is oversold',
        known.filter((row) => BigInt(row.on_hand) < 0n || BigInt(row.sold) > came(row)),
      ),
      finding('an order holds its units exactly as long as it is paid', reservations),
      finding('a reservation that was forgotten has expired', await findKept(evidence)),
      finding('all that came in is in the record of movements', await findUnmoved(evidence)),
      finding('a recount is in that record once, with its reason', await findUnrecorded(evidence)),
    ],
  };
}

/** Without the id of the run, which is the same in all. */
function shortSku({ sku }: Row): string {
  return sku.replace(/-[0-9a-f-]{36}$/, '');
}

/** Units that recounts found beyond what was thought, or fewer, by SKU. */
function sumOfRecounts(acknowledged: readonly Acknowledged[]): Map<string, bigint> {
  const sums = new Map<string, bigint>();
  for (const { request } of answersOf(acknowledged, InventoryService.method.adjustStock)) {
    const { sku = '', delta = 0n } = request;
    sums.set(sku, (sums.get(sku) ?? 0n) + delta);
  }
  return sums;
}

async function findKept({ sql, acknowledged }: ShopEvidence) {
  const held = answersOf(acknowledged, InventoryService.method.reserveStock);
  const orderIds = held.map(({ response }) => response.reservation!.orderId);
  return sql`
    select order_id, state from unnest(${orderIds}::uuid[]) as held (order_id)
      left join commerce_inventory.reservation using (order_id)
    where state is distinct from 'EXPIRED'`;
}

function findUnmoved({ sql }: ShopEvidence) {
  return sql`
    select sku, received::text, sum(delta)::text as moved
    from commerce_inventory.stock left join commerce_inventory.stock_movement using (sku)
    group by sku having received is distinct from sum(delta)`;
}

/** Recounts that were acknowledged. */
function findUnrecorded({ sql, acknowledged }: ShopEvidence) {
  const recounts = answersOf(acknowledged, InventoryService.method.adjustStock);
  return sql`
    select request_id, count(m.staff_id)::int as kept from unnest(
      ${recounts.map(({ request }) => request.requestId!)}::uuid[],
      ${recounts.map(({ request }) => request.sku!)}::text[],
      ${recounts.map(({ request }) => String(request.delta))}::bigint[],
      ${recounts.map(({ request }) => request.reason!)}::text[]
    ) as told (request_id, sku, delta, reason)
      left join commerce_inventory.stock_movement m using (request_id, sku, delta, reason)
    group by request_id having count(m.staff_id) <> 1`;
}
