/** Transfers in the ledger alone: the coalescing writer against one function call of the database per transfer. */
import type { Sql } from 'postgres';
import {
  ExecuteTransactionResponseSchema,
  OpenLedgerAccountResponseSchema,
} from '#gen/finance/transaction/v1/transaction_pb.ts';
import { systemClock } from '#kit/clock.ts';
import type { Database } from '#kit/db/database.ts';
import { sha256 } from '#kit/derived-id.ts';
import { uuidv7 } from '#kit/ids.ts';
import { contentHashOf } from '#services/finance/transaction/domain/content.ts';
import { systemAccountId } from '#services/finance/transaction/domain/system.ts';
import type { Command, Intent, Verdict } from '#services/finance/transaction/domain.ts';
import { createForecast } from '#services/finance/transaction/forecast.ts';
import { invariantsSql } from '#services/finance/transaction/invariants.ts';
import { createOracle } from '#services/finance/transaction/oracle/oracle.ts';
import { createStore } from '#services/finance/transaction/store.ts';
import { createLedgerWriter, type LedgerWriter } from '#services/finance/transaction/writer.ts';
import {
  type Benchmark,
  type BenchOptions,
  closedLoop,
  type Figures,
  interleave,
  median,
  percentile,
} from './benchmark.ts';
import { addOldTransfers } from './ledger-history.ts';
import { inServiceSchema, type ServiceSchema } from './service-schema.ts';

const callersFew = 64;
const callersMany = 512;
const rounds = 6;
const accountCount = 10_000;
const plenty = 1_000_000_000_000n;
/** Transfers that are stored already when growth is measured. */
const storedFew = 10_000;
const storedMany = 10_000_000;

export const ledger: Benchmark = {
  name: 'ledger',
  title: `transfers per second in the ledger alone, ${callersFew} and ${callersMany} callers`,
  targets: {
    hotToUniform: { atLeast: 1 },
    hotRatio: { atLeast: 10 },
    hotPerSecond: { atLeast: 15_000 },
    hotP99Ms: { atMost: 15 },
    hotPerSecondMany: { atLeast: 25_000 },
    growthRatio: { atMost: 1.2 },
  },
  async run(options) {
    const speed = await inServiceSchema('finance.transaction', (schema) =>
      measureSpeed(options, schema),
    );
    const growth = await inServiceSchema('finance.transaction', (schema) =>
      measureGrowth(options, schema),
    );
    return {
      figures: { ...speed.figures, ...growth.figures },
      violations: speed.violations + growth.violations,
    };
  },
};

async function measureSpeed(
  { seconds, say }: BenchOptions,
  { database, baseline, serverSeconds }: ServiceSchema,
): Promise<Figures> {
  await createOracle(baseline as never);
  const ids = () => Array.from({ length: accountCount }, () => uuidv7());
  // Each has its own, or the writer would find that its accounts are written by somebody else as well.
  const [[hot, ...accounts], [baselineHot, ...baselineAccounts]] = [ids(), ids()];
  const writer = await openAccounts(database, [hot!, ...accounts]);
  await openAccounts(database, [baselineHot!, ...baselineAccounts]);
  const any = oneOf(accounts);
  const anyOfBaseline = oneOf(baselineAccounts);
  const each = seconds / rounds;
  const latencies: Record<string, number[]> = {};
  const costs: Record<string, number[]> = {};
  const loop = (name: string, callers: number, call: () => Promise<unknown>) => async () => {
    const used = cpuMeter(serverSeconds);
    const run = await closedLoop({ callers, seconds: each, call: async () => void (await call()) });
    costs[name] = [...(costs[name] ?? []), used() / run.latenciesMs.length];
    latencies[name] = [...(latencies[name] ?? []), ...run.latenciesMs];
    return run.perSecond;
  };
  const variants = {
    baselineHot: loop('baselineHot', callersFew, () =>
      callOne(baseline, anyOfBaseline(), baselineHot!),
    ),
    hot: loop('hot', callersFew, () => transfer(writer, any(), hot!, 1n)),
    uniform: loop('uniform', callersFew, () => transfer(writer, ...twoOf(any), 1n)),
    baselineUniform: loop('baselineUniform', callersFew, () =>
      callOne(baseline, ...twoOf(anyOfBaseline)),
    ),
    hotMany: loop('hotMany', callersMany, () => transfer(writer, any(), hot!, 1n)),
  };
  await interleave(1, variants);
  for (const name of Object.keys(latencies)) {
    latencies[name] = [];
    costs[name] = [];
  }
  const perSecond = await interleave(rounds, variants);
  const middle = (name: keyof typeof variants) => median(perSecond[name]);
  const ratio = (one: keyof typeof variants, other: keyof typeof variants) =>
    median(perSecond[one].map((value, round) => value / perSecond[other][round]!));
  for (const name of Object.keys(variants) as (keyof typeof variants)[]) {
    const p = (share: number) => percentile(latencies[name]!, share).toFixed(1);
    const us = median(costs[name]!).toFixed(0);
    say(`  ${name}: ${Math.round(middle(name))}/s, p50 ${p(0.5)} ms, p99 ${p(0.99)} ms, ${us} us`);
  }
  return {
    violations: await countBroken(baseline, say),
    figures: {
      hotPerSecond: middle('hot'),
      uniformPerSecond: middle('uniform'),
      hotPerSecondMany: middle('hotMany'),
      hotP99Ms: percentile(latencies.hot!, 0.99),
      hotCpuUs: median(costs.hot!),
      hotManyCpuUs: median(costs.hotMany!),
      hotRatio: ratio('hot', 'baselineHot'),
      uniformRatio: ratio('uniform', 'baselineUniform'),
      hotToUniform: ratio('hot', 'uniform'),
    },
  };
}

/** What a transfer costs where many are stored, in turn with what it costs where there are few. */
async function measureGrowth(options: BenchOptions, schema: ServiceSchema): Promise<Figures> {
  const { say } = options;
  const few = await costWithStored(storedFew, options, schema);
  return schema.beside(async (grown) => {
    const many = await costWithStored(storedMany, options, grown);
    await interleave(1, { few, many });
    const costs = await interleave(rounds, { few, many });
    const [us, usOfMany] = [median(costs.few).toFixed(0), median(costs.many).toFixed(0)];
    say(`  ${us} us of CPU with ${storedFew} stored, ${usOfMany} us with ${storedMany}`);
    const growthRatio = median(costs.many.map((each, round) => each / costs.few[round]!));
    return { violations: await countBroken(grown.baseline, say), figures: { growthRatio } };
  });
}

/** Stores so many transfers, and answers how to measure one more: microseconds of CPU, in Node and in the database. */
async function costWithStored(
  count: number,
  { seconds, say }: BenchOptions,
  { database, baseline, serverSeconds }: ServiceSchema,
): Promise<() => Promise<number>> {
  const accounts = Array.from({ length: accountCount }, () => uuidv7());
  await openAccounts(database, accounts);
  say(`  stores ${count} transfers`);
  await addOldTransfers(baseline as never, accounts, count);
  const writer = writerOf(database);
  // After the checkpoint, the first change of a page writes all of it to the log: that is not to fall on who measures.
  await Promise.all(
    accounts.map((from, i) => transfer(writer, from, accounts[(i + 1) % accountCount]!, 1n)),
  );
  const any = oneOf(accounts);
  return async () => {
    const used = cpuMeter(serverSeconds);
    const { latenciesMs } = await closedLoop({
      callers: callersFew,
      seconds: seconds / rounds,
      call: async () => void (await transfer(writer, ...twoOf(any), 1n)),
    });
    return used() / latenciesMs.length;
  };
}

/** Begins to measure: what it answers are the microseconds of CPU since then, of this process and the database. */
function cpuMeter(serverSeconds: () => number): () => number {
  const [own, servers] = [process.cpuUsage(), serverSeconds()];
  return () => {
    const { user, system } = process.cpuUsage(own);
    return user + system + (serverSeconds() - servers) * 1e6;
  };
}

async function countBroken(
  sql: ServiceSchema['baseline'],
  say: BenchOptions['say'],
): Promise<number> {
  const broken = await sql.unsafe<{ broken: string }[]>(invariantsSql);
  for (const claim of broken.slice(0, 10)) say(`  BROKEN: ${claim.broken}`);
  return broken.length;
}

function writerOf(database: Database): LedgerWriter {
  const [store, clock] = [createStore(database), systemClock];
  return createLedgerWriter({
    database,
    clock,
    forecast: createForecast({ database, store, clock }),
  });
}

/** Opens accounts with plenty on them. */
async function openAccounts(
  database: Database,
  accountIds: readonly string[],
): Promise<LedgerWriter> {
  const writer = writerOf(database);
  await Promise.all(accountIds.map((accountId) => open(writer, accountId)));
  const outside = systemAccountId('OUTSIDE', 'EUR');
  await Promise.all(accountIds.map((accountId) => transfer(writer, outside, accountId, plenty)));
  return writer;
}

function oneOf(accountIds: readonly string[]): () => string {
  return () => accountIds[Math.floor(Math.random() * accountIds.length)]!;
}

function twoOf(any: () => string): [string, string] {
  const source = any();
  for (;;) {
    const destination = any();
    if (destination !== source) return [source, destination];
  }
}

/** As the RPC layer makes it, but for what is hashed: no request is here, and its hash is only kept. */
function newKey() {
  const requestId = uuidv7();
  const scope = 'finance.payment/ExecuteTransaction';
  return { requestId, scope, hash: sha256(requestId) };
}

function open(writer: LedgerWriter, accountId: string) {
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

function transfer(writer: LedgerWriter, source: string, destination: string, amount: bigint) {
  return writer.do(execution(source, destination, amount));
}

/** The design to beat: all that the writer does for a transfer, by one function call each. */
async function callOne(
  sql: Sql<{ bigint: bigint }>,
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
