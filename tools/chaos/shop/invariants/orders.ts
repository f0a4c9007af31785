import { fromBinary } from '@bufbuild/protobuf';
import {
  OrderChangedSchema,
  OrderService,
  OrderStatusSchema,
} from '#gen/commerce/order/v1/order_pb.ts';
import { fromHeaders } from '#kit/bus/bus.ts';
import { type Status, transitions } from '#services/commerce/order/domain.ts';
import { idOf } from '../../desk.ts';
import type { Evidence } from '../../evidence.ts';
import { finding, type Page, tally } from '../../invariants.ts';
import type { ShopEvidence } from '../evidence.ts';

/** One change of an order, as the mesh was told of it. */
interface Change {
  eventId: string;
  version: bigint;
  status: Status;
}

interface Row {
  order_id: string;
  status: Status;
  step: string;
  version: string;
}

/** Every saga is done, and the events of an order tell its whole way: legal steps, each once, in order. */
export async function checkOrders(evidence: ShopEvidence): Promise<Page> {
  const orders = await evidence.sql<Row[]>`
    select order_id, status, step, version::text from commerce_order.customer_order`;
  const { histories, repeats } = await readHistories(evidence);
  const told = orders.map((order) => ({ order, changes: histories.get(order.order_id) ?? [] }));
  const brief = ({ order, changes }: (typeof told)[number]) => ({
    ...order,
    told: changes.map(({ version, status }) => `${version} ${status}`),
  });
  const { doubled, unasked } = await findOthers(evidence);
  const byStatus = Map.groupBy(orders, ({ status }) => status);
  const counts = [...byStatus].map(([status, { length }]) => [status, length] as const);
  return {
    lines: [
      `orders: ${tally(counts)}`,
      `events of orders: ${[...histories.values()].flat().length}, sent again ${repeats}`,
    ],
    findings: [
      finding('one request makes one order', doubled),
      finding('no order was made that nobody asked for', unasked),
      finding(
        'every saga is done',
        orders.filter(({ step }) => step !== 'DONE'),
      ),
      finding(
        'each change of an order is told once',
        told.filter(({ order, changes }) => !isComplete(order, changes)).map(brief),
      ),
      finding(
        'the changes of an order are told in order',
        told.filter(({ changes }) => !isAscending(changes)).map(brief),
      ),
      finding(
        'an order goes legal ways only',
        told.filter(({ order, changes }) => !isLegal(order, changes)).map(brief),
      ),
      finding(
        'events tell of orders that exist',
        [...histories.keys()].filter((id) => !orders.some(({ order_id }) => order_id === id)),
      ),
    ],
  };
}

function isComplete({ version }: Row, changes: readonly Change[]): boolean {
  const versions = new Set(changes.map((change) => change.version));
  return changes.length === Number(version) && versions.size === changes.length;
}

function isAscending(changes: readonly Change[]): boolean {
  return changes.every(({ version }, i) => i === 0 || changes[i - 1]!.version < version);
}

function isLegal({ status }: Row, changes: readonly Change[]): boolean {
  const way = changes.toSorted((a, b) => Number(a.version - b.version));
  return (
    way[0]?.status === 'PENDING' &&
    way.at(-1)?.status === status &&
    way.every((to, i) => i === 0 || transitions[way[i - 1]!.status].includes(to.status))
  );
}

/** All OrderChanged events on the bus, by order; an event that was sent twice counts once. */
async function readHistories({ bus }: Evidence) {
  const histories = new Map<string, Change[]>();
  const seen = new Set<string>();
  let repeats = 0;
  const stream = bus.streamOf('commerce.order');
  const consumer = await bus.js.consumers.get(stream, {
    filter_subjects: [bus.subject(OrderChangedSchema.typeName)],
  });
  let { num_pending: left } = await consumer.info();
  const messages = await consumer.consume();
  for await (const message of left > 0 ? messages : []) {
    const { id, payload } = fromHeaders(message.headers, message.data);
    const order = fromBinary(OrderChangedSchema, payload).order!;
    if (seen.has(id)) repeats += 1;
    else {
      const status = OrderStatusSchema.value[order.status]!.name.replace('ORDER_STATUS_', '');
      const change = { eventId: id, version: order.version, status: status as Status };
      histories.set(order.orderId, [...(histories.get(order.orderId) ?? []), change]);
    }
    seen.add(id);
    left -= 1;
    if (left <= 0) break;
  }
  await messages.close();
  return { histories, repeats };
}

/** Orders of customers that are not the one of a request that was answered. */
async function findOthers({ sql, acknowledged, shop }: ShopEvidence) {
  const customers = shop.customers.map(({ userId }) => userId);
  const rows = await sql<{ user_id: string; request_id: string; order_id: string }[]>`
    select user_id, request_id, order_id from commerce_order.customer_order
    where user_id = any(${customers}::uuid[])`;
  const ordersOf = Map.groupBy(rows, (row) => `${row.user_id} ${row.request_id}`);
  const asked = new Set(
    acknowledged
      .filter(({ method }) => method === OrderService.method.createOrder)
      .map(({ person, request }) => `${person?.userId} ${idOf(request)}`),
  );
  const doubled = [...ordersOf.values()].filter((orders) => orders.length > 1);
  const unasked = [...ordersOf.keys()].filter((id) => !asked.has(id));
  return { doubled, unasked };
}
