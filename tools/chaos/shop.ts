/** What a chaos run trades with: goods on sale, and people who are signed in. */
import { InventoryService } from '#gen/commerce/inventory/v1/inventory_pb.ts';
import { ProductService } from '#gen/commerce/product/v1/product_pb.ts';
import { SessionService } from '#gen/platform/user/v1/session_pb.ts';
import { Role, UserService } from '#gen/platform/user/v1/user_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Mesh } from '../mesh/mesh.ts';
import { signInAsStaff } from '../seed/seed.ts';
import type { Desk } from './desk.ts';

export interface Shop {
  /** Units that were put on sale, by SKU. */
  readonly stocked: ReadonlyMap<string, bigint>;
  /** Everybody wants it and few get it. */
  readonly hotSku: string;
  readonly plentifulSkus: readonly string[];
  readonly customers: readonly Person[];
  /** Many, for each of them is rate limited like everybody. */
  readonly staff: readonly Person[];
}

export interface Person {
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
const signUpsAtOnce = 8;
const password = 'correct horse battery staple';

/** Where everything goes. */
export const shippingAddress = {
  recipient: 'Ada Lovelace',
  lines: ['12 St James Square'],
  city: 'London',
  postalCode: 'SW1Y 4JH',
  countryCode: 'GB',
};

export async function openShop(
  mesh: Mesh,
  desk: Desk,
  people: { customers: number; staff: number },
): Promise<Shop> {
  const owner = await findOwner(mesh);
  const stocked = new Map<string, bigint>();
  const run = uuidv7();
  const hotSku = `CHAOS-HOT-${run}`;
  const plentifulSkus = Array.from({ length: plentifulCount }, (_, i) => `CHAOS-${i}-${run}`);
  for (const [i, sku] of [hotSku, ...plentifulSkus].entries()) {
    const amountMinor = unitPrices[i % unitPrices.length]!;
    const currencyCode = currencies[i % currencies.length]!;
    const variants = [{ sku, unitPrice: { currencyCode, amountMinor } }];
    const product = { title: `Lantern ${i}`, category: 'lights', brand: '星', variants };
    await desk.write(owner, ProductService.method.createProduct, { requestId: uuidv7(), product });
    const onHand = sku === hotSku ? hotUnits : plentifulUnits;
    await desk.write(owner, InventoryService.method.setStock, { requestId: uuidv7(), sku, onHand });
    stocked.set(sku, onHand);
  }
  const customers = await severally(people.customers, () => welcome(mesh, desk));
  const staff = await severally(people.staff, () => hire(mesh, desk, owner));
  return { stocked, hotSku, plentifulSkus, customers, staff };
}

/** The first of the staff, who makes others staff. */
async function findOwner(mesh: Mesh): Promise<Person> {
  const owner: Person = {
    userId: '',
    headers: { authorization: '' },
    async renew() {
      owner.headers = (await signInAsStaff(mesh)).headers;
    },
  };
  await owner.renew();
  return owner;
}

async function hire(mesh: Mesh, desk: Desk, owner: Person): Promise<Person> {
  const person = await welcome(mesh, desk);
  const { userId } = person;
  const request = { requestId: uuidv7(), userId, roles: [Role.CUSTOMER, Role.STAFF] };
  await desk.write(owner, UserService.method.setRoles, request);
  // Roles are in the token.
  await person.renew();
  return person;
}

/** Somebody new signs up. */
export async function signUp(desk: Desk): Promise<{ userId: string; email: string }> {
  const email = `chaos-${uuidv7()}@example.com`;
  const request = { requestId: uuidv7(), email, password, name: 'Ada Lovelace' };
  // As a service: those are not rate limited, whereas so many people at one address are.
  const { user } = await desk.write(undefined, UserService.method.createUser, request);
  return { userId: user!.userId, email };
}

/** Somebody new signs up and in. */
async function welcome(mesh: Mesh, desk: Desk): Promise<Person> {
  const { userId, email } = await signUp(desk);
  const sessions = mesh.client(SessionService, 'platform.user', { service: 'commerce.order' });
  const customer: Person = {
    userId,
    headers: { authorization: '' },
    async renew() {
      const { tokens } = await sessions.authenticate({ requestId: uuidv7(), email, password });
      customer.headers = { authorization: `Bearer ${tokens!.accessToken}` };
    },
  };
  await customer.renew();
  return customer;
}

/** So many of them, a few at once. */
async function severally<Made>(count: number, make: () => Promise<Made>): Promise<Made[]> {
  const made: Made[] = [];
  while (made.length < count) {
    const missing = Math.min(count - made.length, signUpsAtOnce);
    made.push(...(await Promise.all(Array.from({ length: missing }, make))));
  }
  return made;
}
