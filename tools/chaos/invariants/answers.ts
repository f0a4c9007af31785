import { OrderService } from '#gen/commerce/order/v1/order_pb.ts';
import type { Acknowledged, Desk } from '../desk.ts';
import type { Evidence } from '../evidence.ts';
import { finding, type Page, tally } from '../invariants.ts';

const askersMax = 64;

/** Whoever was answered got one answer, and every order is one that somebody was told of. */
export async function checkAnswers({ sql, acknowledged, load, shop }: Evidence): Promise<Page> {
  const byRequest = Map.groupBy(acknowledged, ({ request }) => request.requestId);
  const differing = [...byRequest.values()].filter((answers) =>
    answers.some(({ answer }) => !isSame(answer, answers[0]!.answer)),
  );
  const customers = shop.customers.map(({ userId }) => userId);
  const rows = await sql<{ user_id: string; request_id: string; order_id: string }[]>`
    select user_id, request_id, order_id from commerce_order.customer_order
    where user_id = any(${customers}::uuid[])`;
  const ordersOf = Map.groupBy(rows, (row) => `${row.user_id} ${row.request_id}`);
  const asked = new Set(
    acknowledged
      .filter(({ method }) => method === OrderService.method.createOrder)
      .map(({ person, request }) => `${person?.userId} ${request.requestId}`),
  );
  const doubled = [...ordersOf.values()].filter((orders) => orders.length > 1);
  const byMethod = Map.groupBy(acknowledged, ({ method }) => method.name);
  const counts = [...byMethod].map(([name, { length }]) => [name, length] as const);
  return {
    lines: [`answers, each asked for again: ${tally(counts)}`],
    findings: [
      finding(
        'one request has one answer',
        differing.map(([first]) => brief(first!)),
      ),
      finding('one request makes one order', doubled),
      finding(
        'no order was made that nobody asked for',
        [...ordersOf.keys()].filter((id) => !asked.has(id)),
      ),
      finding('nobody is refused without a reason', load.surprises),
    ],
  };
}

/** Asks for everything once more, at every door, and gives what is answered otherwise than it was the first time. */
export async function askAgain({ acknowledged, repeat }: Desk): Promise<unknown[]> {
  const changed: unknown[] = [];
  const rest = acknowledged.values();
  const asker = async () => {
    for (const each of rest) {
      const answers = await repeat(each);
      if (!answers.every((answer) => isSame(answer, each.answer))) changed.push(brief(each));
    }
  };
  await Promise.all(Array.from({ length: askersMax }, asker));
  return changed;
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

function brief({ method, request }: Acknowledged) {
  return { method: method.name, requestId: request.requestId };
}
