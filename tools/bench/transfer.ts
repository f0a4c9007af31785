/** Transfers through the ledger of a running mesh, which asks risk and compliance about each, load generator included. */
import postgres from 'postgres';
import {
  type BatchExecuteTransactionsResponse,
  TransactionService,
} from '#gen/finance/transaction/v1/transaction_pb.ts';
import { AccountType, TransactionType } from '#gen/finance/transaction/v1/verdict_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Person } from '#kit/testing/people.ts';
import { brokenInvariants } from '#services/finance/transaction/invariants.ts';
import { registry } from '#services/registry.ts';
import { startIssuer } from '../mesh/issuer.ts';
import { type Mesh, startMesh } from '../mesh/mesh.ts';
import type { Placement } from '../mesh/placements.ts';
import { root } from '../run.ts';
import { removeData } from '../servers/data-dir.ts';
import {
  type Benchmark,
  type BenchOptions,
  closedLoop,
  type Figures,
  median,
  openLoop,
  percentile,
} from './benchmark.ts';
import { measureCost } from './mesh-cpu.ts';

const callers = 64;
/** Until V8 has compiled what a transfer takes. */
const warmUpSeconds = 6;
/** People are held to 300 transfers a minute: so many that nobody meets that. */
const customersMax = 2_000;
/** Callers of the batch method, and transfers in one batch. */
const batchCallers = 4;
const batchItems = 1_000;
const plenty = 1_000_000_000n;

export const transfer: Benchmark = {
  name: 'transfer',
  title: `transfers per second, ${callers} callers, risk and compliance asked, in each placement`,
  targets: {
    perSecond: { atLeast: 3_000 },
    interceptorsAddMs: { atMost: 1.5 },
    batchPerSecond: { atLeast: 20_000 },
  },
  run,
};

async function run(options: BenchOptions): Promise<Figures> {
  const figures: Record<string, number> = {};
  let violations = 0;
  for (const placement of ['service', 'single', 'domain'] as const) {
    const bench = await startBench(placement);
    try {
      const { perSecond, p99Ms, cpuMs } = await peakOf(bench, placement, options);
      figures[`${placement}PerSecond`] = perSecond;
      figures[`${placement}CpuMs`] = cpuMs;
      if (placement === 'domain') {
        figures.perSecond = perSecond;
        figures.p99Ms = p99Ms;
        figures.interceptorsAddMs = await addedMs(bench, perSecond / 2, options);
        figures.batchPerSecond = await batchesPerSecond(bench, options);
      }
      violations += await bench.violations(options.say);
    } finally {
      await bench.stop();
    }
  }
  return { figures, violations };
}

type Bench = Awaited<ReturnType<typeof startBench>>;

async function peakOf(bench: Bench, placement: Placement, { seconds, say }: BenchOptions) {
  const load = (duration: number) =>
    closedLoop({ callers, seconds: duration, call: async () => void (await bench.transfer()) });
  await load(warmUpSeconds);
  const { loaded, cpuMsByProcess, cpuMs } = await measureCost(bench.mesh, () => load(seconds));
  const p99Ms = percentile(loaded.latenciesMs, 0.99);
  say(
    `  ${placement.padEnd(8)} ${loaded.perSecond.toFixed(0)}/s, median ` +
      `${median(loaded.latenciesMs).toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms, ${cpuMs.toFixed(2)} CPU ms each:`,
  );
  say(
    `    ${Object.entries(cpuMsByProcess)
      .map(([name, ms]) => `${name} ${ms.toFixed(3)}`)
      .join(', ')}`,
  );
  return { perSecond: loaded.perSecond, p99Ms, cpuMs };
}

/**
 * What the interceptors add at the median: a transfer against its reversal, which does the same to the same accounts, and
 * reads the transfer besides, without asking anybody. They take turns, so a neighbour's load falls on both.
 */
async function addedMs(
  bench: Bench,
  perSecond: number,
  { seconds, say }: BenchOptions,
): Promise<number> {
  const asked: number[] = [];
  const unasked: number[] = [];
  const timed = async <Result>(into: number[], call: () => Promise<Result>): Promise<Result> => {
    const at = performance.now();
    const result = await call();
    into.push(performance.now() - at);
    return result;
  };
  await openLoop({
    perSecond: perSecond / 2,
    seconds,
    async call() {
      const transactionId = await timed(asked, bench.transfer);
      await timed(unasked, () => bench.reverse(transactionId));
    },
  });
  const [withThem, without] = [median(asked), median(unasked)];
  say(
    `  at half of the peak: median ${withThem.toFixed(2)} ms, ${without.toFixed(2)} ms without asking`,
  );
  return withThem - without;
}

async function batchesPerSecond(bench: Bench, { seconds, say }: BenchOptions): Promise<number> {
  const load = (duration: number) =>
    closedLoop({ callers: batchCallers, seconds: duration, call: () => bench.batch(batchItems) });
  await load(warmUpSeconds);
  const { loaded, cpuMsByProcess } = await measureCost(bench.mesh, () => load(seconds));
  const perSecond = loaded.perSecond * batchItems;
  say(`  in batches of ${batchItems}: ${perSecond.toFixed(0)} transfers/s, CPU us each:`);
  say(
    `    ${Object.entries(cpuMsByProcess)
      .map(([name, ms]) => `${name} ${((ms * 1000) / batchItems).toFixed(1)}`)
      .join(', ')}`,
  );
  return perSecond;
}

async function startBench(placement: Placement) {
  const dataDir = `${root}.meshwork/bench-transfer`;
  removeData(dataDir);
  const mesh = await startMesh({
    dataDir,
    portBase: 19_000,
    placement,
    // People come from the stand-in: sign-up is held to a few in a minute.
    only: registry.map(({ name }) => name).filter((name) => name !== 'platform.user'),
    durable: true,
    logLevel: 'warn',
  });
  const sql = postgres(mesh.servers.databaseUrl, { max: 1, onnotice: () => {} });
  const issuer = await startIssuer(mesh.addressOf('platform.user'));
  const customers = await Promise.all(
    Array.from({ length: customersMax }, () => issuer.person(['customer'])),
  );
  const people = mesh.client(TransactionService, 'finance.transaction');
  const payments = mesh.client(TransactionService, 'finance.transaction', {
    service: 'finance.payment',
  });
  const accounts = await openAccounts(mesh, customers);
  let made = 0;
  let answered = 0;

  function next() {
    made += 1;
    const from = made % customers.length;
    const to = (made * 7 + 1) % customers.length;
    return {
      person: customers[from]!,
      request: {
        requestId: uuidv7(),
        type: TransactionType.TRANSFER,
        sourceAccountId: accounts[from]!,
        destinationAccountId: accounts[to === from ? (to + 1) % accounts.length : to]!,
        amount: { currencyCode: 'EUR', amountMinor: 1n },
      },
    };
  }

  return {
    mesh,
    async transfer(): Promise<string> {
      const { person, request } = next();
      const { transaction } = await people.executeTransaction(request, { headers: person.headers });
      answered += 1;
      return transaction!.transactionId;
    },
    async reverse(transactionId: string): Promise<void> {
      const reference = 'measured';
      await payments.reverseTransaction({ requestId: uuidv7(), transactionId, reference });
    },
    async batch(count: number): Promise<void> {
      const requests = Array.from({ length: count }, () => next().request);
      const { results } = await payments.batchExecuteTransactions({ requests });
      refuseRefusals(results);
      answered += count;
    },
    async violations(say: (line: string) => void): Promise<number> {
      const broken = await brokenInvariants(sql);
      const [kept] = await sql<{ count: number }[]>`
        select count(*)::int as count from finance_transaction.transaction
        where status = 'COMPLETED' and type = 'TRANSFER' and reverses_id is null`;
      if (kept!.count < answered)
        broken.push(`${answered} transfers answered, ${kept!.count} kept`);
      for (const claim of broken) say(`  BROKEN: ${claim}`);
      return broken.length;
    },
    async stop() {
      await sql.end();
      await issuer.stop();
      await mesh.stop();
      removeData(dataDir);
    },
  };
}

/** Calls at once while accounts are opened: far below what a server works on at a time. */
const openingsMax = 500;

/** One account for each, with plenty on it. */
async function openAccounts(mesh: Mesh, owners: readonly Person[]): Promise<string[]> {
  const as = (service: string) =>
    mesh.client(TransactionService, 'finance.transaction', { service });
  const [openings, deposits] = [as('finance.account'), as('finance.payment')];
  const accounts: string[] = [];
  for (let from = 0; from < owners.length; from += openingsMax) {
    const some = owners.slice(from, from + openingsMax).map(({ id }) => ({
      requestId: uuidv7(),
      accountId: uuidv7(),
      ownerId: id,
      accountType: AccountType.CHECKING,
      currencyCode: 'EUR',
    }));
    await Promise.all(some.map((request) => openings.openLedgerAccount(request)));
    const requests = some.map(({ accountId }) => ({
      requestId: uuidv7(),
      type: TransactionType.DEPOSIT,
      destinationAccountId: accountId,
      amount: { currencyCode: 'EUR', amountMinor: plenty },
    }));
    const { results } = await deposits.batchExecuteTransactions({ requests });
    refuseRefusals(results);
    accounts.push(...some.map(({ accountId }) => accountId));
  }
  return accounts;
}

function refuseRefusals(results: BatchExecuteTransactionsResponse['results']): void {
  const refused = results.find(({ outcome }) => outcome.case === 'error');
  if (refused?.outcome.case === 'error') throw new Error(refused.outcome.value.message);
}
