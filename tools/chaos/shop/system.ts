import type { Mesh } from '../../mesh/mesh.ts';
import type { Evidence } from '../evidence.ts';
import type { Page } from '../invariants.ts';
import { count } from '../settle.ts';
import type { Stage, System } from '../system.ts';
import { createActs } from './acts.ts';
import type { ShopEvidence } from './evidence.ts';
import { checkMoney } from './invariants/money.ts';
import { checkNotifications } from './invariants/notifications.ts';
import { checkOrders } from './invariants/orders.ts';
import { checkPromises } from './invariants/promises.ts';
import { checkStock } from './invariants/stock.ts';
import { orderPoints, otherPoints } from './points.ts';
import { openShop, type Shop } from './shop.ts';

/** Each may order twice a second, and each of the staff send ten orders. */
const customersPerCaller = 3;
const staffCount = 8;

/** Callers who order, from the cart to the doorstep. */
export const shop: System = {
  name: 'shop',
  // A provider that does not answer is given up soon, so that a run has many such cases.
  env: { PROVIDER_TIMEOUT_MS: '1000' },
  service: 'commerce.order',
  points: orderPoints,
  otherPoints,
  async open(mesh, desk, callers) {
    const people = { customers: callers * customersPerCaller, staff: staffCount };
    const opened = await openShop(mesh, desk, people);
    return {
      acts: (progress) => createActs({ mesh, desk, shop: opened, progress }, callers),
      findBusy,
      checks: checksOf(mesh, opened),
    };
  },
};

function checksOf(mesh: Mesh, opened: Shop): Stage['checks'] {
  const provider = async () => {
    const response = await fetch(`${mesh.providerUrl}/v1/summary`);
    return (await response.json()) as Awaited<ReturnType<ShopEvidence['provider']>>;
  };
  const checks: ((evidence: ShopEvidence) => Promise<Page>)[] = [
    checkMoney,
    checkStock,
    checkOrders,
    checkNotifications,
    checkPromises,
  ];
  return checks.map((check) => (evidence) => check({ ...evidence, shop: opened, provider }));
}

function findBusy({ sql }: Evidence): Promise<[string, number][]> {
  return Promise.all([
    count('open sagas', sql`select from commerce_order.customer_order where step <> 'DONE'`),
    count('payments at work', sql`select from finance_payment.payment where due_at is not null`),
    count(
      'settlements',
      sql`
        select from finance_payment.settlement where state <> 'SETTLED'
        union all
        select from finance_payment.payment
        where captured_minor > 0 and settlement_id is null and account_id is null
        union all
        select from finance_payment.operation
        where kind = 'REFUND' and state = 'DONE' and settlement_id is null and settles_in is not null`,
    ),
    count('events of the provider', sql`select from sandbox_provider.webhook`),
    count('reservations', sql`select from commerce_inventory.reservation where state = 'ACTIVE'`),
  ]);
}
