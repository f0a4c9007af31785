/** Stock reservations: the coalescing writer against one conditional UPDATE per call, to the same effect. */
import type { Sql } from 'postgres';
import {
  ReserveStockResponseSchema,
  SetStockResponseSchema,
} from '#gen/commerce/inventory/v1/inventory_pb.ts';
import { systemClock } from '#kit/clock.ts';
import type { Database } from '#kit/db/database.ts';
import { sha256 } from '#kit/derived-id.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Command } from '#services/commerce/inventory/domain.ts';
import { createStore } from '#services/commerce/inventory/store.ts';
import { createStockWriter, type StockWriter } from '#services/commerce/inventory/writer.ts';
import {
  type Benchmark,
  type BenchOptions,
  closedLoop,
  type Figures,
  interleave,
  median,
} from './benchmark.ts';
import { inServiceSchema, type ServiceSchema } from './service-schema.ts';

const callers = 64;
const rounds = 10;
const spreadSkus = 10_000;
const plenty = 900_000_000n;

export const reserve: Benchmark = {
  name: 'reserve',
  title: `reservations per second, ${callers} callers: coalesced against one UPDATE per call`,
  targets: { hotRatio: { atLeast: 10 }, hotToSpread: { atLeast: 1 } },
  run: (options) => inServiceSchema('commerce.inventory', (schema) => measure(options, schema)),
};

async function measure(
  { seconds, say }: BenchOptions,
  { database, baseline }: ServiceSchema,
): Promise<Figures> {
  const writer = createStockWriter({
    database,
    store: createStore(database),
    clock: systemClock,
  });
  const hot = 'HOT';
  const spread = Array.from({ length: spreadSkus }, (_, i) => `SPREAD-${i}`);
  await Promise.all([hot, ...spread].map((sku) => setStock(writer, sku, plenty)));
  const each = seconds / rounds;
  const anySku = () => spread[Math.floor(Math.random() * spread.length)]!;
  const loop = (call: () => Promise<unknown>) => async () => {
    const run = await closedLoop({ callers, seconds: each, call: async () => void (await call()) });
    return run.perSecond;
  };

  const variants = {
    baselineHot: loop(() => updateOne(baseline, hot)),
    hot: loop(() => reserveOne(writer, hot)),
    spread: loop(() => reserveOne(writer, anySku())),
    baselineSpread: loop(() => updateOne(baseline, anySku())),
  };
  // The first calls pay for the compiler.
  await interleave(1, variants);
  const perSecond = await interleave(rounds, variants);
  const middle = (name: keyof typeof variants) => median(perSecond[name]);
  // A neighbour is in the way of a whole round or of none: so ratios are taken within each.
  const ratio = (one: keyof typeof variants, other: keyof typeof variants) =>
    median(perSecond[one].map((value, round) => value / perSecond[other][round]!));
  for (const name of Object.keys(variants) as (keyof typeof variants)[]) {
    say(`  ${name}: ${Math.round(middle(name))}/s`);
  }

  const violations = (await sellOut(writer, database, say)) + (await countBroken(database));
  return {
    violations,
    figures: {
      hot: middle('hot'),
      spread: middle('spread'),
      baselineHot: middle('baselineHot'),
      baselineSpread: middle('baselineSpread'),
      hotRatio: ratio('hot', 'baselineHot'),
      spreadRatio: ratio('spread', 'baselineSpread'),
      hotToSpread: ratio('hot', 'spread'),
    },
  };
}

function keyOf(command: Command) {
  const body = JSON.stringify(command, (_, v) => String(v));
  const requestHash = sha256(body);
  return { requestId: uuidv7(), scope: 'commerce.order/Bench', hash: requestHash };
}

function setStock(writer: StockWriter, sku: string, onHand: bigint) {
  const by = { staffId: uuidv7(), requestId: uuidv7() };
  const item: Command = { kind: 'set', sku, onHand, by };
  return writer.do({ key: keyOf(item), response: SetStockResponseSchema, item });
}

/** One unit for a new order, asked for by a request of its own. */
function reservation(sku: string) {
  const item = {
    kind: 'reserve',
    orderId: uuidv7(),
    lines: [{ sku, quantity: 1n }],
    expiresAt: Date.now() + 900_000,
  } as const satisfies Command;
  return { key: keyOf(item), response: ReserveStockResponseSchema, item };
}

function reserveOne(writer: StockWriter, sku: string) {
  return writer.do(reservation(sku));
}

/** As long as the recorded answer of a reservation, and the event of one SKU. */
const recordBytes = Buffer.alloc(60);

/**
 * The design to beat: one statement a call, which takes the stock if there is enough, and does all else that a reservation
 * promises: it notes who holds it, records the answer under the request's id, and leaves the event to be published.
 */
async function updateOne(sql: Sql<{ bigint: bigint }>, sku: string): Promise<void> {
  const { key, item } = reservation(sku);
  await sql`
    with taken as (
      update stock set reserved = reserved + 1, version = version + 1, updated_at = now()
      where sku = ${sku} and on_hand - reserved >= 1 returning sku),
    held as (
      insert into reservation (order_id, state, lines, expires_at)
      select ${item.orderId}, 'ACTIVE', jsonb_build_array(jsonb_build_array(sku, 1)),
        to_timestamp(${item.expiresAt} / 1000.0)
      from taken),
    answered as (
      insert into request_log (request_id, scope, request_hash, response)
      select ${key.requestId}, ${key.scope}, ${key.hash}, ${recordBytes} from taken)
    insert into outbox (event_id, type, key, payload)
    select ${uuidv7()}, 'commerce.inventory.v1.StockChanged', sku, ${recordBytes} from taken`;
}

const sellOutUnits = 10_000n;

/** Sells one SKU out to more callers than there are units: exactly the units are granted. */
async function sellOut(
  writer: StockWriter,
  database: Database,
  say: (line: string) => void,
): Promise<number> {
  await setStock(writer, 'LAST', sellOutUnits);
  let granted = 0n;
  let refused = 0;
  await Promise.all(
    Array.from({ length: 512 }, async () => {
      while (refused < 512) {
        await reserveOne(writer, 'LAST').then(
          () => {
            granted += 1n;
          },
          () => {
            refused += 1;
          },
        );
      }
    }),
  );
  const [row] = await database.sql<{ reserved: bigint }[]>`
    select reserved from stock where sku = 'LAST'`;
  say(`  sell-out: ${granted} of ${sellOutUnits} units granted, ${refused} callers refused`);
  return granted === sellOutUnits && row!.reserved === sellOutUnits ? 0 : 1;
}

/** SKUs whose reservations do not add up to what the stock says. */
async function countBroken({ sql }: Database): Promise<number> {
  const [row] = await sql<{ count: bigint }[]>`
    with held as (
      select line ->> 0 as sku, sum((line ->> 1)::bigint) as units
      from reservation, jsonb_array_elements(lines) as line where state = 'ACTIVE' group by 1)
    select count(*) as count from stock left join held using (sku)
    where stock.reserved <> coalesce(held.units, 0) or on_hand < reserved`;
  return Number(row!.count);
}
