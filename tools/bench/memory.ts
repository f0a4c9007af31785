/**
 * Resident memory of a whole mesh right after orders were bought through its gateway, and of one process for one service:
 * the largest of them when it has started, before its first call, and after the orders too, when the heap and V8's
 * optimizing compilers have come on top.
 *
 * What counts is RSS: the megabytes of each process as every process viewer shows them, summed over the services, the
 * card provider, nats-server and Redis. It counts pages that processes share (Node's own code, half of a process that
 * has just started) once for each of them; PSS, beside it, does not. PostgreSQL is left out, for it takes what it is
 * given; so is the launcher.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { InventoryService } from '#gen/commerce/inventory/v1/inventory_pb.ts';
import { OrderService, OrderStatus } from '#gen/commerce/order/v1/order_pb.ts';
import { ProductService } from '#gen/commerce/product/v1/product_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import { registry } from '#services/registry.ts';
import { openDesk } from '../chaos/desk.ts';
import { openShop, type Shop, shippingAddress } from '../chaos/shop/shop.ts';
import { type Mesh, startMesh } from '../mesh/mesh.ts';
import type { Placement } from '../mesh/placements.ts';
import { freePortBase } from '../mesh/ports.ts';
import { root } from '../run.ts';
import { removeData } from '../servers/data-dir.ts';
import type { Benchmark, BenchOptions, Figures } from './benchmark.ts';
import { residentOf } from './resident.ts';

/** Each may order 120 times a minute. */
const customerCount = 16;
const ordersEach = 50;

export const memory: Benchmark = {
  name: 'memory',
  title: `resident MB after ${customerCount * ordersEach} orders, without PostgreSQL`,
  targets: {
    domainMb: { atMost: 700 },
    domainFirstStartMb: { atMost: 700 },
    serviceStartedMb: { atMost: 90 },
  },
  run,
};

async function run({ say }: BenchOptions): Promise<Figures> {
  const folder = `${root}.meshwork/bench-memory`;
  rmSync(folder, { recursive: true, force: true });
  // Empty as after `npm ci`; what the first start leaves here, the later ones find.
  const env = { NODE_COMPILE_CACHE: join(folder, 'compile') };
  const start = (placement: Placement) =>
    measure({ placement, dataDir: join(folder, 'data'), env });
  try {
    const first = await start('domain');
    tell('first start, a process for each domain', first.sizes, say);
    const later = await start('domain');
    tell('later start, a process for each domain', later.sizes, say);
    const apart = await start('service');
    tell('later start, a process for each service, before the first call', apart.started, say);
    tell('the same after the orders', apart.sizes, say);
    return {
      violations: first.unpaid + later.unpaid + apart.unpaid,
      figures: {
        domainMb: total(later.sizes, 'rss'),
        domainPssMb: total(later.sizes, 'pss'),
        domainFirstStartMb: total(first.sizes, 'rss'),
        allServicesMb: total(apart.sizes, 'rss'),
        serviceStartedMb: largestService(apart.started, 'rss'),
        serviceLoadedMb: largestService(apart.sizes, 'rss'),
        serviceLoadedPssMb: largestService(apart.sizes, 'pss'),
        ...each('domain', later.sizes),
        ...each('service', apart.sizes),
      },
    };
  } finally {
    removeData(join(folder, 'data'));
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Size {
  name: string;
  rss: number;
  pss: number;
}

/** What the processes of a mesh hold when it has started and when orders were bought, and how many were not paid. */
async function measure(options: {
  placement: Placement;
  dataDir: string;
  env: Record<string, string>;
}): Promise<{ started: Size[]; sizes: Size[]; unpaid: number }> {
  const mesh = await startMesh({ ...options, portBase: await freePortBase(), durable: true });
  try {
    const started = sizesOf(mesh);
    const people = { customers: customerCount, staff: 0 };
    const unpaid = await buy(mesh, await openShop(mesh, openDesk(mesh, 'commerce.order'), people));
    return { started, sizes: sizesOf(mesh), unpaid };
  } finally {
    await mesh.stop();
  }
}

function sizesOf({ processes, servers }: Mesh): Size[] {
  const others = servers.managed.filter(({ name }) => name !== 'postgres');
  return [...processes, ...others].map(({ name, pid }) => ({ name, ...residentOf(pid ?? 0) }));
}

/** All customers look around and order, one thing after the other; answers how many orders were not paid. */
async function buy(mesh: Mesh, { customers, plentifulSkus }: Shop): Promise<number> {
  const products = mesh.client(ProductService, 'platform.gateway');
  const inventory = mesh.client(InventoryService, 'platform.gateway');
  const orders = mesh.client(OrderService, 'platform.gateway');
  let unpaid = 0;
  await Promise.all(
    customers.map(async ({ headers }) => {
      for (let n = 0; n < ordersEach; n += 1) {
        const sku = plentifulSkus[n % plentifulSkus.length]!;
        await products.listProducts({ pageSize: 3 }, { headers });
        await inventory.getStock({ sku }, { headers });
        const lines = [{ sku, quantity: 1n }];
        const request = { requestId: uuidv7(), lines, paymentToken: 'tok_visa', shippingAddress };
        const { order } = await orders.createOrder(request, { headers });
        if (order!.status !== OrderStatus.PAID) unpaid += 1;
      }
    }),
  );
  return unpaid;
}

function tell(title: string, sizes: readonly Size[], say: (line: string) => void): void {
  const line = (name: string, rss: number, pss: number) =>
    say(`  ${name.padEnd(22)} ${rss.toFixed(0).padStart(5)} ${pss.toFixed(0).padStart(5)}`);
  say(`${title}: RSS and PSS`);
  for (const { name, rss, pss } of sizes) line(name, rss, pss);
  line('total', total(sizes, 'rss'), total(sizes, 'pss'));
}

function total(sizes: readonly Size[], part: 'rss' | 'pss'): number {
  return sizes.reduce((sum, size) => sum + size[part], 0);
}

function largestService(sizes: readonly Size[], part: 'rss' | 'pss'): number {
  const services = sizes.filter(({ name }) => registry.some((one) => one.name === name));
  return Math.max(...services.map((size) => size[part]));
}

/** A figure for each process: "domain commerce". */
function each(placement: string, sizes: readonly Size[]): Record<string, number> {
  return Object.fromEntries(sizes.map(({ name, rss }) => [`${placement} ${name}`, rss]));
}
