/** What a chaos run trades with: goods on sale, and people who are signed in. */
import { InventoryService } from '#gen/commerce/inventory/v1/inventory_pb.ts';
import { ProductService } from '#gen/commerce/product/v1/product_pb.ts';
import { SessionService } from '#gen/platform/user/v1/session_pb.ts';
import { UserService } from '#gen/platform/user/v1/user_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Mesh } from '../mesh/mesh.ts';
import { signInAsStaff } from '../seed/seed.ts';

export interface Shop {
  /** Units that were put on sale, by SKU. */
  readonly stocked: ReadonlyMap<string, bigint>;
  /** Everybody wants it and few get it. */
  readonly hotSku: string;
  readonly plentifulSkus: readonly string[];
  readonly customers: readonly Customer[];
  readonly staff: Customer;
}

export interface Customer {
  readonly userId: string;
  /** With a token that is good for ten minutes. */
  headers: { authorization: string };
  /** Signs in again. */
  renew(): Promise<void>;
}

const hotUnits = 12n;
const plentifulUnits = 10_000_000n;
const plentifulCount = 6;
const unitPrices = [1_999n, 500n, 12_345n];
const currencies = ['EUR', 'USD'];
const password = 'correct horse battery staple';

/** Where everything goes. */
export const shippingAddress = {
  recipient: 'Ada Lovelace',
  lines: ['12 St James Square'],
  city: 'London',
  postalCode: 'SW1Y 4JH',
  countryCode: 'GB',
};

export async function openShop(mesh: Mesh, customerCount: number): Promise<Shop> {
  const { headers } = await signInAsStaff(mesh);
  const run = uuidv7();
  const stocked = new Map<string, bigint>();
  const hotSku = `CHAOS-HOT-${run}`;
  const plentifulSkus = Array.from({ length: plentifulCount }, (_, i) => `CHAOS-${i}-${run}`);
  const products = mesh.client(ProductService, 'commerce.product');
  const inventory = mesh.client(InventoryService, 'commerce.inventory');
  for (const [i, sku] of [hotSku, ...plentifulSkus].entries()) {
    const amountMinor = unitPrices[i % unitPrices.length]!;
    const currencyCode = currencies[i % currencies.length]!;
    const variants = [{ sku, unitPrice: { currencyCode, amountMinor } }];
    const product = { title: `Lantern ${i}`, category: 'lights', brand: '星', variants };
    await products.createProduct({ requestId: uuidv7(), product }, { headers });
    const onHand = sku === hotSku ? hotUnits : plentifulUnits;
    await inventory.setStock({ requestId: uuidv7(), sku, onHand }, { headers });
    stocked.set(sku, onHand);
  }
  const customers: Customer[] = [];
  for (let i = 0; i < customerCount; i += 1) customers.push(await signUp(mesh));
  const staff: Customer = {
    userId: '',
    headers,
    async renew() {
      staff.headers = (await signInAsStaff(mesh)).headers;
    },
  };
  return { stocked, hotSku, plentifulSkus, customers, staff };
}

async function signUp(mesh: Mesh): Promise<Customer> {
  // As a service: those are not rate limited, whereas so many people at one address are.
  const as = { service: 'commerce.order' };
  const users = mesh.client(UserService, 'platform.user', as);
  const sessions = mesh.client(SessionService, 'platform.user', as);
  const email = `chaos-${uuidv7()}@example.com`;
  const requestId = uuidv7();
  const { user } = await users.createUser({ requestId, email, password, name: 'Ada Lovelace' });
  const customer: Customer = {
    userId: user!.userId,
    headers: { authorization: '' },
    async renew() {
      const { tokens } = await sessions.authenticate({ requestId: uuidv7(), email, password });
      customer.headers = { authorization: `Bearer ${tokens!.accessToken}` };
    },
  };
  await customer.renew();
  return customer;
}
