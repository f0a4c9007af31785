/** Stock for this service's own tests. */
import { InventoryService } from '#gen/commerce/inventory/v1/inventory_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Network, Person } from '#kit/testing/network.ts';

export const newSku = () => `SKU-${uuidv7()}`;

export const reserveRequest = (sku: string, quantity = 1n) => ({
  requestId: uuidv7(),
  orderId: uuidv7(),
  lines: [{ sku, quantity }],
});

/** The service as commerce.order and as a person of the staff calls it. */
export function stockOf(network: Network, staff: Person) {
  const order = network.client(InventoryService, 'commerce.inventory', {
    service: 'commerce.order',
  });
  const { headers } = staff;
  return {
    order,
    set: (sku: string, onHand: bigint, requestId = uuidv7()) =>
      order.setStock({ requestId, sku, onHand }, { headers }),
    adjust: (sku: string, delta: bigint, requestId = uuidv7(), reason = 'received') =>
      order.adjustStock({ requestId, sku, delta, reason }, { headers }),
    movements: (sku: string, page: { pageSize?: number; pageToken?: string } = {}) =>
      order.listStockMovements({ sku, ...page }, { headers }),
    commit: (orderId: string) => order.commitReservation({ requestId: uuidv7(), orderId }),
    release: (orderId: string) => order.releaseStock({ requestId: uuidv7(), orderId }),
    async read(sku: string) {
      const { stock } = await order.getStock({ sku });
      return { onHand: stock!.onHand, reserved: stock!.reserved, available: stock!.available };
    },
  };
}
