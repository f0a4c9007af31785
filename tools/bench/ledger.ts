/** Transfers in the ledger alone: the coalescing writer against one function call of the database per transfer. */
import { hash } from 'node:crypto';
import postgres from 'postgres';
import {
  ExecuteTransactionResponseSchema,
  OpenLedgerAccountResponseSchema,
} from '#gen/finance/transaction/v1/transaction_pb.ts';
import { systemClock } from '#kit/clock.ts';
import { createDatabase, type Database } from '#kit/db/database.ts';
import { migrate } from '#kit/db/migrate.ts';
import { uuidv7 } from '#kit/ids.ts';
import { contentHashOf } from '#services/finance/transaction/domain/content.ts';
import { systemAccountId } from '#services/finance/transaction/domain/system.ts';
import type { Command, Intent, Verdict } from '#services/finance/transaction/domain.ts';
import { createForecast } from '#services/finance/transaction/forecast.ts';
import { createOracle } from '#services/finance/transaction/oracle/oracle.ts';
import { createStore } from '#services/finance/transaction/store.ts';
import { createLedgerWriter, type LedgerWriter } from '#services/finance/transaction/writer.ts';
import { root } from '../run.ts';
import { startServers } from '../servers/servers.ts';
import {
  type Benchmark,
  type BenchOptions,
  closedLoop,
  type Figures,
  interleave,
  median,
  percentile,
} from './benchmark.ts';

const callersFew = 64;
const callersMany = 512;
const rounds = 6;
const accountCount = 10_000;
const plenty = 1_000_000_000_000n;
/** The pool with which one call per transfer does best over many accounts. */
const baselineConnections = 16;

export const ledger: Benchmark = {
  name: 'ledger',
  title: `transfers per second in the ledger alone, ${callersFew} and ${callersMany} callers`,
  targets: {
    hotToUniform: { atLeast: 1 },
    hotRatio: { atLeast: 10 },
    hotPerSecond: { atLeast: 15_000 },
    hotP99Ms: { atMost: 15 },
    hotPerSecondMany: { atLeast: 25_000 },
  },
  run,
};

async function run(options: BenchOptions): Promise<Figures> {
  const dataDir = `${root}.meshwork/bench`;
  const servers = await startServers({ dataDir, durable: true, env: process.env });
  const schema = `bench_ledger_${Date.now()}`;
  const migrations = new URL('../../services/finance/transaction/migrations/', import.meta.url);
  await migrate({ url: servers.databaseUrl, schema, role: schema, folders: [migrations] });
  const database = createDatabase({ url: servers.databaseUrl, schema });
  const baseline = postgres(servers.databaseUrl, {
    max: baselineConnections,
    connection: { search_path: schema },
    fetch_types: false,
    types: { bigint: postgres.BigInt },
  });
  try {
    await createOracle(baseline as never);
    return await measure(options, database, baseline);
  } finally {
    await database.sql.unsafe(`drop schema ${schema} cascade`);
    await Promise.all([database.close(), baseline.end()]);
    await servers.stop();
  }
}

async function measure(
  { seconds, say }: BenchOptions,
  database: Database,
  baseline: postgres.Sql<{ bigint: bigint }>,
): Promise<Figures> {
  const writer = createLedgerWriter({
    database,
    forecast: createForecast({ database, store: createStore(database), clock: systemClock }),
    clock: systemClock,
  });
  const accounts = Array.from({ length: accountCount }, () => uuidv7());
  const hot = uuidv7();
  await Promise.all([hot, ...accounts].map((accountId) => open(writer, accountId)));
  const outside = systemAccountId('OUTSIDE', 'EUR');
  await Promise.all(accounts.map((accountId) => transfer(writer, outside, accountId, plenty)));
  const each = seconds / rounds;
  const any = () => accounts[Math.floor(Math.random() * accounts.length)]!;
  function anyTwo(): [string, string] {
    const source = any();
    for (;;) {
      const destination = any();
      if (destination !== source) return [source, destination];
    }
  }
  const latencies: Record<string, number[]> = {};
  const loop = (name: string, callers: number, call: () => Promise<unknown>) => async () => {
    const run = await closedLoop({ callers, seconds: each, call: async () => void (await call()) });
    latencies[name] = [...(latencies[name] ?? []), ...run.latenciesMs];
    return run.perSecond;
  };
  const variants = {
    baselineHot: loop('baselineHot', callersFew, () => callOne(baseline, any(), hot)),
    hot: loop('hot', callersFew, () => transfer(writer, any(), hot, 1n)),
    uniform: loop('uniform', callersFew, () => transfer(writer, ...anyTwo(), 1n)),
    baselineUniform: loop('baselineUniform', callersFew, () => callOne(baseline, ...anyTwo())),
    hotMany: loop('hotMany', callersMany, () => transfer(writer, any(), hot, 1n)),
  };
  await interleave(1, variants);
  for (const name of Object.keys(latencies)) latencies[name] = [];
  const perSecond = await interleave(rounds, variants);
  const middle = (name: keyof typeof variants) => median(perSecond[name]);
  const ratio = (one: keyof typeof variants, other: keyof typeof variants) =>
    median(perSecond[one].map((value, round) => value / perSecond[other][round]!));
  for (const name of Object.keys(variants) as (keyof typeof variants)[]) {
    const p = (share: number) => percentile(latencies[name]!, share).toFixed(1);
    say(`  ${name}: ${Math.round(middle(name))}/s, p50 ${p(0.5)} ms, p99 ${p(0.99)} ms`);
  }
  return {
    violations: 0,
    figures: {
      hotPerSecond: middle('hot'),
      uniformPerSecond: middle('uniform'),
      hotPerSecondMany: middle('hotMany'),
      hotP99Ms: percentile(latencies.hot!, 0.99),
      hotRatio: ratio('hot', 'baselineHot'),
      uniformRatio: ratio('uniform', 'baselineUniform'),
      hotToUniform: ratio('hot', 'uniform'),
    },
  };
}

/** As the RPC layer makes it, but for what is hashed: no request is here, and its hash is only kept. */
function newKey() {
  const requestId = uuidv7();
  const scope = 'finance.payment/ExecuteTransaction';
  return { requestId, scope, hash: hash('sha256', requestId, 'buffer') };
}

export function open(writer: LedgerWriter, accountId: string) {
  const account = { accountId, ownerId: uuidv7(), type: 'CHECKING', currency: 'EUR' } as const;
  const item: Command = { kind: 'open', account, floor: 0n };
  return writer.do({ key: newKey(), response: OpenLedgerAccountResponseSchema, item });
}

/** One transfer, as the interceptors let it pass. */
function execution(sourceId: string, destinationId: string, amountMinor: bigint) {
  const intent: Intent = {
    transactionId: uuidv7(),
    type: 'TRANSFER',
    legs: [{ sourceId, destinationId, amountMinor, currency: 'EUR' }],
    reference: '',
    initiator: { userId: undefined, mayUseAnyAccount: true },
  };
  const verdict: Verdict = {
    decisionId: intent.transactionId,
    action: 'ALLOW',
    contentHash: contentHashOf(intent),
    ruleSetVersion: 1n,
    findings: [],
    expiresAt: Date.now() + 30_000,
  };
  const verdicts = { risk: verdict, compliance: verdict };
  const judgement = { verdicts };
  const item = { kind: 'execute', intent, judgement, hold: undefined } as const satisfies Command;
  return { key: newKey(), response: ExecuteTransactionResponseSchema, item };
}

export function transfer(
  writer: LedgerWriter,
  source: string,
  destination: string,
  amount: bigint,
) {
  return writer.do(execution(source, destination, amount));
}

/** The design to beat: all that the writer does for a transfer, by one function call each. */
async function callOne(
  sql: postgres.Sql<{ bigint: bigint }>,
  source: string,
  destination: string,
): Promise<void> {
  const { key, item } = execution(source, destination, 1n);
  const { transactionId } = item.intent;
  const content = item.judgement.verdicts.risk.contentHash;
  const [row] = await sql<{ outcome: string }[]>`
    select oracle_execute(${key.requestId}, ${key.scope}, ${key.hash}, ${transactionId}, 'TRANSFER',
      array[${source}]::uuid[], array[${destination}]::uuid[], array[1]::bigint[], array['EUR'],
      null, null, 'ALLOW', 'ALLOW', ${content}, ${transactionId}, null, now()) as outcome`;
  if (row?.outcome !== 'done') throw new Error(`the function answers ${row?.outcome}`);
}
