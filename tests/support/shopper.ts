/** One customer's way through the shop, over whatever transport it is given. */
import { type Client, createClient, type Transport } from '@connectrpc/connect';
import { InventoryService } from '#gen/commerce/inventory/v1/inventory_pb.ts';
import { type Order, OrderService } from '#gen/commerce/order/v1/order_pb.ts';
import { ProductService } from '#gen/commerce/product/v1/product_pb.ts';
import { NotificationService } from '#gen/platform/notification/v1/notification_pb.ts';
import { SessionService } from '#gen/platform/user/v1/session_pb.ts';
import { UserService } from '#gen/platform/user/v1/user_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import { signInAsStaff } from '#tools/seed/seed.ts';
import type { TestMesh } from './mesh.ts';

/** Puts a SKU of a new product on sale, past every door. */
export async function putOnSale(mesh: TestMesh, units: bigint): Promise<string> {
  const staff = await signInAsStaff(mesh);
  const sku = `E2E-${uuidv7()}`;
  const variants = [{ sku, unitPrice: { currencyCode: 'EUR', amountMinor: 2_500n } }];
  const product = { title: 'Lotus tea', category: 'food/tea', brand: '武夷', variants };
  const products = mesh.client(ProductService, 'commerce.product');
  await products.createProduct({ requestId: uuidv7(), product }, staff);
  const inventory = mesh.client(InventoryService, 'commerce.inventory');
  await inventory.setStock({ requestId: uuidv7(), sku, onHand: units }, staff);
  return sku;
}

export interface Shopper {
  readonly email: string;
  readonly password: string;
  readonly orders: Client<typeof OrderService>;
  readonly notifications: Client<typeof NotificationService>;
  readonly headers: { authorization: string };
  buy(sku: string, paymentToken: string, requestId?: string): Promise<Order>;
}

/** Signs a new customer up and in through a public door. */
export async function newShopper(door: Transport): Promise<Shopper> {
  const email = `shopper-${uuidv7()}@example.com`;
  const password = 'correct horse battery staple';
  const users = createClient(UserService, door);
  await users.createUser({ requestId: uuidv7(), email, password, name: 'Grace Hopper' });
  const sessions = createClient(SessionService, door);
  const { tokens } = await sessions.authenticate({ requestId: uuidv7(), email, password });
  const headers = { authorization: `Bearer ${tokens!.accessToken}` };
  const orders = createClient(OrderService, door);
  return {
    email,
    password,
    orders,
    notifications: createClient(NotificationService, door),
    headers,
    async buy(sku, paymentToken, requestId = uuidv7()) {
      const shippingAddress = {
        recipient: 'Grace Hopper',
        lines: ['1 Harbour Street'],
        city: 'Hamburg',
        countryCode: 'DE',
      };
      const lines = [{ sku, quantity: 1n }];
      const request = { requestId, lines, paymentToken, shippingAddress };
      return (await orders.createOrder(request, { headers })).order!;
    },
  };
}
