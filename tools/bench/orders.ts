/** Complete paid orders through the order service of a running mesh, load generator included. */
import postgres from 'postgres';
import { InventoryService } from '#gen/commerce/inventory/v1/inventory_pb.ts';
import { OrderService, OrderStatus } from '#gen/commerce/order/v1/order_pb.ts';
import { ProductService } from '#gen/commerce/product/v1/product_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import { registry } from '#services/registry.ts';
import { shippingAddress } from '../chaos/shop/shop.ts';
import { type Issuer, startIssuer } from '../mesh/issuer.ts';
import { type Mesh, startMesh } from '../mesh/mesh.ts';
import type { Placement } from '../mesh/placements.ts';
import { root } from '../run.ts';
import { removeData } from '../servers/data-dir.ts';
import {
  type Benchmark,
  type BenchOptions,
  closedLoop,
  type Figures,
  type Loaded,
  median,
  openLoop,
  percentile,
} from './benchmark.ts';
import { measureCost } from './mesh-cpu.ts';
import { countBrokenBooks } from './order-books.ts';
import { addOldOrders } from './order-history.ts';

const callers = 64;
/** Until V8 has compiled what an order takes: the first seconds cost half as much again. */
const warmUpSeconds = 8;
const skuCount = 500;
/** People are held to 120 orders a minute: so many that nobody meets that. */
const customersMax = 2_000;
/** Orders stored beforehand in the two meshes that growth compares. */
const fewOrders = 1_000;
const manyOrders = 1_000_000;

export const orders: Benchmark = {
  name: 'orders',
  title: `paid orders per second, ${callers} callers, durable, in each placement`,
  targets: {
    ordersPerSecond: { atLeast: 500 },
    p99MsAtHalf: { atMost: 250 },
    growthRatio: { atMost: 1.2 },
  },
  run,
};

async function run(options: BenchOptions): Promise<Figures> {
  const { seconds, say } = options;
  const figures: Record<string, number> = {};
  let violations = 0;
  say('  placement   orders/s   median ms   p99 ms   cores');
  for (const placement of ['service', 'single', 'domain'] as const) {
    const bench = await startBench(placement);
    try {
      await bench.load(warmUpSeconds);
      const peak = await bench.measure(seconds);
      say(
        `  ${placement.padEnd(9)} ${peak.perSecond.toFixed(0).padStart(10)} ` +
          `${median(peak.latenciesMs).toFixed(1).padStart(11)} ` +
          `${percentile(peak.latenciesMs, 0.99).toFixed(1).padStart(8)} ${peak.cores.toFixed(2).padStart(7)}`,
      );
      figures[`${placement}PerSecond`] = peak.perSecond;
      if (placement === 'domain') Object.assign(figures, await inDepth(bench, peak, options));
      violations += await bench.violations(say);
    } finally {
      await bench.stop();
    }
  }
  const growth = await measureGrowth(options);
  figures.growthRatio = growth.ratio;
  return { figures, violations: violations + growth.violations };
}

type Bench = Awaited<ReturnType<typeof startBench>>;
type Peak = Awaited<ReturnType<Bench['measure']>>;

const rounds = 3;
/** More than one mesh takes. */
const portsApart = 500;

/**
 * What is asked of the default placement only: latency at half of the peak, CPU per process. Peaks and halves take turns,
 * so that a neighbour's load falls on both; the figures are those of the round in the middle.
 */
async function inDepth(
  bench: Bench,
  first: Peak,
  { seconds, say }: BenchOptions,
): Promise<Record<string, number>> {
  const peaks: Peak[] = [];
  const halves: Peak[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const peak = round === 0 ? first : await bench.measure(seconds);
    const half = await bench.measure(seconds, () =>
      openLoop({ perSecond: peak.perSecond / 2, seconds, call: bench.order }),
    );
    say(
      `  peak ${peak.perSecond.toFixed(0)}/s, p99 ${p99(peak).toFixed(0)} ms; ` +
        `at half of it median ${median(half.latenciesMs).toFixed(0)} ms, p99 ${p99(half).toFixed(0)} ms`,
    );
    peaks.push(peak);
    halves.push(half);
  }
  const peak = middleOf(peaks, ({ perSecond }) => perSecond);
  const half = middleOf(halves, p99);
  for (const [name, ms] of Object.entries(peak.cpuMsPerOrder)) {
    say(`  ${name.padEnd(12)} ${ms.toFixed(2)} CPU ms per order`);
  }
  return {
    ordersPerSecond: peak.perSecond,
    medianMs: median(peak.latenciesMs),
    p99Ms: p99(peak),
    p99MsAtHalf: p99(half),
    cpuMsPerOrder: peak.cpuMs,
    cpuMsPerOrderAtHalf: half.cpuMs,
  };
}

/** What an order costs with many orders stored and with few: two meshes that take turns under the same load. */
async function measureGrowth({
  seconds,
  say,
}: BenchOptions): Promise<{ ratio: number; violations: number }> {
  const meshes: Bench[] = [];
  try {
    for (const stored of [fewOrders, manyOrders]) {
      const bench = await startBench('domain', meshes.length);
      meshes.push(bench);
      await bench.addOldOrders(stored);
      await bench.load(warmUpSeconds);
    }
    const turns: { few: number; many: number }[] = [];
    for (let round = 0; round < rounds * 2; round += 1) {
      const few = await meshes[0]!.measure(seconds / 2);
      const many = await meshes[1]!.measure(seconds / 2);
      turns.push({ few: few.cpuMs, many: many.cpuMs });
    }
    const few = median(turns.map((turn) => turn.few));
    const many = median(turns.map((turn) => turn.many));
    say(
      `  CPU ms per order: ${few.toFixed(2)} with ${fewOrders} orders stored, ${many.toFixed(2)} with ${manyOrders}`,
    );
    let violations = 0;
    for (const bench of meshes) violations += await bench.violations(say);
    // A neighbour is in the way of a whole round or of none: so ratios are taken within each.
    return { ratio: median(turns.map((turn) => turn.many / turn.few)), violations };
  } finally {
    for (const bench of meshes) await bench.stop();
  }
}

const p99 = ({ latenciesMs }: Peak) => percentile(latenciesMs, 0.99);

function middleOf(measured: readonly Peak[], by: (one: Peak) => number): Peak {
  return [...measured].sort((a, b) => by(a) - by(b))[Math.floor(measured.length / 2)]!;
}

/** `nth` tells meshes that run at the same time apart. */
async function startBench(placement: Placement, nth = 0) {
  const dataDir = `${root}.meshwork/bench-orders-${nth}`;
  removeData(dataDir);
  const mesh = await startMesh({
    dataDir,
    portBase: 18_000 + nth * portsApart,
    placement,
    // People come from the stand-in: sign-up is held to a few in a minute.
    only: registry.map(({ name }) => name).filter((name) => name !== 'platform.user'),
    durable: true,
    logLevel: 'warn',
    // The provider's events say what its answers said already.
    env: { SANDBOX_WEBHOOK_TARGET: '', SANDBOX_DELAY_MS: '0' },
  });
  const sql = postgres(mesh.servers.databaseUrl, { max: 1, onnotice: () => {} });
  const issuer = await startIssuer(mesh.addressOf('platform.user'));
  const skus = await stock(mesh, issuer);
  const customers = await Promise.all(
    Array.from({ length: customersMax }, () => issuer.person(['customer'])),
  );
  const client = mesh.client(OrderService, 'commerce.order');
  let made = 0;
  let paid = 0;

  async function order(): Promise<void> {
    made += 1;
    const { order: answer } = await client.createOrder(
      {
        requestId: uuidv7(),
        lines: [
          { sku: skus[made % skus.length]!, quantity: 1n },
          { sku: skus[(made * 7 + 1) % skus.length]!, quantity: 2n },
        ],
        paymentToken: 'tok_visa',
        shippingAddress,
      },
      customers[made % customers.length],
    );
    if (answer!.status === OrderStatus.PAID) paid += 1;
  }

  const load = (seconds: number) => closedLoop({ callers, seconds, call: order });

  return {
    order,
    load,
    /** What a load costs: closed loop at the peak unless another is given. */
    async measure(seconds: number, make: () => Promise<Loaded> = () => load(seconds)) {
      const { loaded, cpuMsByProcess, cpuMs, cores } = await measureCost(mesh, make);
      return { ...loaded, cpuMsPerOrder: cpuMsByProcess, cpuMs, cores };
    },
    addOldOrders: (count: number) => addOldOrders(sql, count),
    violations: (say: (line: string) => void) => countBrokenBooks(sql, paid, say),
    async stop() {
      await sql.end();
      await issuer.stop();
      await mesh.stop();
      removeData(dataDir);
    },
  };
}

async function stock(mesh: Mesh, issuer: Issuer): Promise<string[]> {
  const staff = await issuer.person(['staff']);
  const products = mesh.client(ProductService, 'commerce.product');
  const inventory = mesh.client(InventoryService, 'commerce.inventory');
  const skus = Array.from({ length: skuCount }, (_, i) => `BENCH-${i}`);
  const perProduct = 50;
  for (let from = 0; from < skus.length; from += perProduct) {
    const variants = skus.slice(from, from + perProduct).map((sku) => ({
      sku,
      unitPrice: { currencyCode: 'EUR', amountMinor: 1_250n },
    }));
    const product = { title: `Bench ${from}`, category: 'bench', brand: 'bench', variants };
    await products.createProduct({ requestId: uuidv7(), product }, staff);
  }
  await Promise.all(
    skus.map((sku) =>
      inventory.setStock({ requestId: uuidv7(), sku, onHand: 100_000_000n }, staff),
    ),
  );
  return skus;
}
