/** Callers who trade, whatever happens around them. */
import { type Order, OrderService, OrderStatus } from '#gen/commerce/order/v1/order_pb.ts';
import { RpcError } from '#kit/errors.ts';
import type { Mesh } from '../mesh/mesh.ts';
import { createCaller, type OrderRequest } from './customer.ts';
import type { Desk } from './desk.ts';
import { pause, until } from './patience.ts';
import { createRandom, type Random } from './random.ts';
import type { Person, Shop } from './shop.ts';
import { createStaff } from './staff.ts';

export interface Load {
  /** Refusals that no caller had reason to expect. */
  readonly surprises: readonly string[];
  /** Resolves when an order that began after this call is paid. Throws Overdue. */
  untilPaid(timeoutMs: number): Promise<void>;
  /** Nothing new; resolves when all that began is answered. Throws Overdue. */
  stop(timeoutMs: number): Promise<void>;
}

const thinkMsMax = 300;
const clerks = 3;

export function startLoad(
  mesh: Mesh,
  desk: Desk,
  shop: Shop,
  { callers, seed }: { callers: number; seed: number },
): Load {
  const surprises: string[] = [];
  let begun = 0;
  let newestPaid = 0;
  let isStopping = false;
  let isDone = false;

  async function create(customer: Person, request: OrderRequest, door: number): Promise<Order> {
    begun += 1;
    const number = begun;
    const { createOrder } = OrderService.method;
    const { order } = await desk.write(customer, createOrder, request, door);
    if (order!.status === OrderStatus.PAID) newestPaid = Math.max(newestPaid, number);
    return order!;
  }

  async function goOn(index: number, act: (random: Random) => Promise<void>): Promise<void> {
    const random = createRandom(seed * 1_000 + index);
    while (!isStopping) {
      await pause(random.below(thinkMsMax));
      await act(random).catch((error) => {
        surprises.push(error instanceof RpcError ? `${error.code} ${error.message}` : `${error}`);
      });
    }
  }

  const staff = createStaff(desk, shop);
  const orders = mesh.client(OrderService, 'commerce.order');
  const acts = Array.from({ length: callers }, (_, index) => {
    const own = shop.customers.filter((_, i) => i % callers === index);
    return createCaller({ desk, orders, shop, staff, create }, own);
  });
  for (let i = 0; i < clerks; i += 1) acts.push(staff.work);
  void Promise.all(acts.map((act, index) => goOn(index, act))).then(() => {
    isDone = true;
  });

  return {
    surprises,
    async untilPaid(timeoutMs) {
      const mark = begun;
      await until('an order is paid again', timeoutMs, () => newestPaid > mark);
    },
    async stop(timeoutMs) {
      isStopping = true;
      await until('every caller is answered', timeoutMs, () => isDone);
    },
  };
}
