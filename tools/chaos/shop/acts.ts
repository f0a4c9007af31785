/** Who does what at the shop. */
import { type Order, OrderService, OrderStatus } from '#gen/commerce/order/v1/order_pb.ts';
import type { Mesh } from '../../mesh/mesh.ts';
import type { Desk } from '../desk.ts';
import type { Act, Progress } from '../load.ts';
import type { Person } from '../people.ts';
import { createCaller, type OrderRequest } from './customer.ts';
import type { Shop } from './shop.ts';
import { createStaff } from './staff.ts';

const clerks = 3;

/** Callers who order, beside the clerks of the shop. */
export function createActs(
  { mesh, desk, shop, progress }: { mesh: Mesh; desk: Desk; shop: Shop; progress: Progress },
  callers: number,
): Act[] {
  async function create(customer: Person, request: OrderRequest, door: number): Promise<Order> {
    const succeeded = progress.begin();
    const { createOrder } = OrderService.method;
    const { order } = await desk.write(customer, createOrder, request, door);
    if (order!.status === OrderStatus.PAID) succeeded();
    return order!;
  }

  const staff = createStaff(desk, shop);
  const orders = mesh.client(OrderService, 'commerce.order');
  const acts = Array.from({ length: callers }, (_, index) => {
    const own = shop.customers.filter((_, i) => i % callers === index);
    return createCaller({ desk, orders, shop, staff, create }, own);
  });
  return [...acts, ...Array<Act>(clerks).fill(staff.work)];
}
