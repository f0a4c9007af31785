import type { Evidence } from '../evidence.ts';
import { finding, type Page } from '../invariants.ts';
import type { Acknowledged } from '../load.ts';

const askersMax = 16;

/** Whoever was answered gets the same answer for ever, and it is about an order that exists. */
export async function checkAnswers({ sql, load, shop }: Evidence): Promise<Page> {
  const { acknowledged, surprises } = load;
  const byRequest = Map.groupBy(acknowledged, idOf);
  const firsts = [...byRequest.values()].map(([first]) => first!);
  const differing = [...byRequest.values()].filter((answers) =>
    answers.some(({ answer }) => !Buffer.from(answer).equals(answers[0]!.answer)),
  );
  const changed = await askAgain(load.ask, firsts);

  const customers = shop.customers.map(({ userId }) => userId);
  const rows = await sql<{ user_id: string; request_id: string; order_id: string }[]>`
    select user_id, request_id, order_id from commerce_order.customer_order
    where user_id = any(${customers}::uuid[])`;
  const ordersOf = Map.groupBy(rows, (row) => `${row.user_id} ${row.request_id}`);
  const lost = firsts.filter((each) => ordersOf.get(idOf(each))?.[0]?.order_id !== each.orderId);
  const doubled = [...ordersOf.values()].filter((orders) => orders.length > 1);
  const unknown = [...ordersOf.keys()].filter((id) => !byRequest.has(id));
  return {
    lines: [`answers: ${acknowledged.length} to ${firsts.length} requests, each asked again`],
    findings: [
      finding('an acknowledged order is there', lost.map(brief)),
      finding(
        'one request has one answer',
        differing.map(([first]) => brief(first!)),
      ),
      finding('the answer to a request does not change', changed.map(brief)),
      finding('one request makes one order', doubled),
      finding('no order was made that nobody asked for', unknown),
      finding('nobody is refused without a reason', surprises),
    ],
  };
}

async function askAgain(
  ask: (each: Acknowledged) => Promise<Uint8Array>,
  all: readonly Acknowledged[],
): Promise<Acknowledged[]> {
  const changed: Acknowledged[] = [];
  const rest = all.values();
  const asker = async () => {
    for (const each of rest) {
      if (!Buffer.from(await ask(each)).equals(each.answer)) changed.push(each);
    }
  };
  await Promise.all(Array.from({ length: askersMax }, asker));
  return changed;
}

const idOf = ({ customer, request }: Acknowledged) => `${customer.userId} ${request.requestId}`;

const brief = ({ request, orderId }: Acknowledged) => ({ requestId: request.requestId, orderId });
