/** Checks of compliance: what one costs in Node and in PostgreSQL, of customers whose windows are full. */
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  BatchCheckTransactionsRequestSchema,
  BatchCheckTransactionsResponseSchema,
  type CheckTransactionRequestSchema,
} from '#gen/finance/compliance/v1/compliance_pb.ts';
import {
  AccountType,
  TransactionType,
  VerdictAction,
} from '#gen/finance/transaction/v1/verdict_pb.ts';
import { systemClock } from '#kit/clock.ts';
import type { Database } from '#kit/db/database.ts';
import { uuidv7 } from '#kit/ids.ts';
import { createChecker } from '#services/finance/compliance/checker.ts';
import { writeMovements } from '#services/finance/compliance/domain/window.ts';
import { limits } from '#services/finance/compliance/domain.ts';
import { createCheckRpc } from '#services/finance/compliance/rpc/checks.ts';
import { createRuleBook } from '#services/finance/compliance/rule-book.ts';
import { createCaseStore } from '#services/finance/compliance/store/cases.ts';
import { createCheckStore } from '#services/finance/compliance/store/checks.ts';
import { createFindingStore } from '#services/finance/compliance/store/findings.ts';
import { createRuleStore } from '#services/finance/compliance/store/rules.ts';
import { createWindowStore } from '#services/finance/compliance/store/windows.ts';
import type { Benchmark, BenchOptions, Figures } from './benchmark.ts';
import { inServiceSchema, type ServiceSchema } from './service-schema.ts';

const accountCount = 10_000;
const batchSize = 500;
const batchCount = 40;
/** Over how long the movements of an account are spread: about three a day. */
const spreadMs = 10 * 24 * 3_600_000;

export const checks: Benchmark = {
  name: 'checks',
  title: `microseconds of CPU of a compliance check, in batches of ${batchSize}`,
  targets: { checkNodeUs: { atMost: 15 }, checkDatabaseUs: { atMost: 10 } },
  run: (options) => inServiceSchema('finance.compliance', (schema) => measure(options, schema)),
};

interface Account {
  readonly accountId: string;
  readonly ownerId: string;
}

const anyBelow = (end: number) => Math.floor(Math.random() * end);

async function measure(
  { seconds, say }: BenchOptions,
  { database, serverSeconds }: ServiceSchema,
): Promise<Figures> {
  const accounts = await openAccounts(database);
  const check = checkerOf(database);
  const batches = Array.from({ length: batchCount }, () => batchOf(accounts));
  let stopped = 0;
  let checked = 0;
  const loop = async (forSeconds: number) => {
    const until = performance.now() + forSeconds * 1000;
    for (let i = 0; performance.now() < until; i += 1) {
      stopped += await check(batches[i % batchCount]!);
      checked += batchSize;
    }
  };
  // The first batches pay for the compiler.
  await loop(Math.min(2, seconds));
  [stopped, checked] = [0, 0];
  const before = { node: process.cpuUsage(), database: serverSeconds() };
  await loop(seconds);
  const node = process.cpuUsage(before.node);
  const databaseUs = (serverSeconds() - before.database) * 1e6;
  say(`  ${checked} checks, of which ${stopped} were stopped`);
  return {
    figures: {
      wireNodeUs: wireUs(batches, seconds / 2),
      checkNodeUs: (node.user + node.system) / checked,
      checkDatabaseUs: databaseUs / checked,
    },
    // What normal customers do is not stopped.
    violations: stopped,
  };
}

/** What it costs alone to read the requests, and to write as much again. */
function wireUs(batches: readonly Uint8Array[], seconds: number): number {
  const before = process.cpuUsage();
  const until = performance.now() + seconds * 1000;
  let count = 0;
  for (; performance.now() < until; count += batchSize) {
    const batch = batches[(count / batchSize) % batchCount]!;
    const request = fromBinary(BatchCheckTransactionsRequestSchema, batch);
    toBinary(BatchCheckTransactionsRequestSchema, request);
  }
  const used = process.cpuUsage(before);
  return (used.user + used.system) / count;
}

/** Answers how many of a batch were stopped; messages are read and written as they are on the wire. */
function checkerOf(database: Database): (batch: Uint8Array) => Promise<number> {
  const ruleBook = createRuleBook(createRuleStore(database));
  const findings = createFindingStore(database, createCaseStore(database));
  const windows = createWindowStore(database);
  const store = createCheckStore(database);
  const clock = systemClock;
  const checker = createChecker({ database, checks: store, windows, findings, ruleBook, clock });
  const rpc = createCheckRpc({ checker, clock });
  return async (batch) => {
    const request = fromBinary(BatchCheckTransactionsRequestSchema, batch);
    // It asks nothing of its call.
    const answer = await rpc.batchCheckTransactions(request, undefined as never);
    const message = create(BatchCheckTransactionsResponseSchema, answer);
    toBinary(BatchCheckTransactionsResponseSchema, message);
    return message.results.filter(({ outcome }) => {
      return outcome.case !== 'response' || outcome.value.verdict?.action !== VerdictAction.ALLOW;
    }).length;
  };
}

/** Customers with one account each, of which every window is full. */
async function openAccounts({ sql }: Database): Promise<Account[]> {
  const accounts = Array.from({ length: accountCount }, () => {
    return { accountId: uuidv7(), ownerId: uuidv7() };
  });
  const now = Date.now();
  for (const { accountId, ownerId } of accounts) {
    const movements = Array.from({ length: limits.movementsMax }, (_, i) => ({
      at: now - spreadMs + ((i + 1) * spreadMs) / limits.movementsMax,
      amountMinor: BigInt(1_000 + anyBelow(50_000)),
      isIncoming: i % 2 === 0,
      type: 'TRANSFER' as const,
      isOwn: false,
      isByService: false,
      counterpartyId: accounts[anyBelow(accountCount)]!.accountId,
      transactionTag: i,
    }));
    await sql`
      insert into account_window (account_id, owner_id, opened_at, movements)
      values (${accountId}, ${ownerId}, now() - interval '1 year', ${writeMovements(movements)})`;
  }
  await sql.unsafe('analyze account_window');
  return accounts;
}

function batchOf(accounts: readonly Account[]): Uint8Array {
  const party = ({ accountId, ownerId }: Account) => ({
    accountId,
    ownerId,
    accountType: AccountType.CHECKING,
    openTime: timestampFromMs(0),
  });
  const requests: MessageInitShape<typeof CheckTransactionRequestSchema>[] = [];
  for (let i = 0; i < batchSize; i += 1) {
    const [from, to] = [accounts[anyBelow(accountCount)]!, accounts[anyBelow(accountCount)]!];
    const amount = { currencyCode: 'EUR', amountMinor: BigInt(1_000 + anyBelow(50_000)) };
    const facts = {
      transactionId: uuidv7(),
      contentHash: Buffer.alloc(32),
      type: TransactionType.TRANSFER,
      legs: [{ source: party(from), destination: party(to), amount }],
      initiatorId: from.ownerId,
      requestTime: timestampFromMs(Date.now()),
    };
    requests.push({ facts });
  }
  return toBinary(
    BatchCheckTransactionsRequestSchema,
    create(BatchCheckTransactionsRequestSchema, { requests }),
  );
}
