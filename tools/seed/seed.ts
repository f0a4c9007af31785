/** Puts the demo shop up: staff signs in, 200 products go on sale, people sign up. Doing it again changes nothing. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { InventoryService } from '#gen/commerce/inventory/v1/inventory_pb.ts';
import { ProductService } from '#gen/commerce/product/v1/product_pb.ts';
import { SessionService } from '#gen/platform/user/v1/session_pb.ts';
import { UserService } from '#gen/platform/user/v1/user_pb.ts';
import { uuidOf } from '#kit/derived-id.ts';
import { RpcError } from '#kit/errors.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Mesh } from '../mesh/mesh.ts';
import { demoProducts, scarceSku, scarceUnits, skusOf, unitsPerSku } from './catalogue.ts';

/** People who can sign in to the demo; a local toy's password is no secret. */
export const demoPeople = [
  { name: 'Ada Lovelace', email: 'ada@meshwork.example', phone: '+442071234567' },
  { name: '林小雨', email: 'xiaoyu@meshwork.example', phone: '+8613800138000' },
  { name: 'Max Muster', email: 'max@meshwork.example', phone: '' },
] as const;
export const demoPassword = 'shopping-story-2026';

const atOnce = 16;

export async function seed(
  mesh: Mesh,
  options: { dataDir: string; onProgress: (line: string) => void },
): Promise<void> {
  const done = join(options.dataDir, 'seeded');
  if (existsSync(done)) return;
  options.onProgress('stocking the demo shop');
  const { headers } = await signInAsStaff(mesh);
  const products = mesh.client(ProductService, 'commerce.product');
  const inventory = mesh.client(InventoryService, 'commerce.inventory');

  await each(demoProducts(), async (product) => {
    const [first = ''] = skusOf(product);
    // The request id follows from the SKU: a start that was interrupted goes on where it was.
    const requestId = uuidOf('seed product', first);
    await patiently(() => products.createProduct({ requestId, product }, { headers }));
    for (const sku of skusOf(product)) {
      const onHand = sku === scarceSku ? scarceUnits : unitsPerSku;
      const request = { requestId: uuidOf('seed stock', sku), sku, onHand };
      await patiently(() => inventory.setStock(request, { headers }));
    }
  });
  const users = mesh.client(UserService, 'platform.user');
  await each(demoPeople, async (person) => {
    const requestId = uuidOf('seed person', person.email);
    await users.createUser({ requestId, ...person, password: demoPassword }).catch((error) => {
      if (!(error instanceof RpcError && error.reason === 'EMAIL_TAKEN')) throw error;
    });
  });
  writeFileSync(done, '');
}

export async function signInAsStaff(mesh: Mesh): Promise<{ headers: { authorization: string } }> {
  const { BOOTSTRAP_STAFF_EMAIL: email, BOOTSTRAP_STAFF_PASSWORD: password } = mesh.secrets;
  const sessions = mesh.client(SessionService, 'platform.user');
  const { tokens } = await sessions.authenticate({ requestId: uuidv7(), email, password });
  return { headers: { authorization: `Bearer ${tokens!.accessToken}` } };
}

/** Staff is rate limited like everybody; the demo shop waits its turn. */
async function patiently<Answer>(call: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof RpcError) || error.reason !== 'RATE_LIMITED') throw error;
      const waitMs = Number(error.metadata.retry_after_ms);
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }
}

async function each<Item>(items: readonly Item[], work: (item: Item) => Promise<void>) {
  const rest = [...items];
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item);
    }),
  );
}
