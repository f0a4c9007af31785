import fc from 'fast-check';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { OpenLedgerAccountResponseSchema } from '#gen/finance/transaction/v1/transaction_pb.ts';
import { createTestClock } from '#kit/clock.ts';
import { sha256, uuidOf } from '#kit/derived-id.ts';
import { uuidv7 } from '#kit/ids.ts';
import { runs } from '#kit/testing/property.ts';
import { createTestSchema, type TestSchema } from '#kit/testing/schema.ts';
import { contentHashOf, transactionIdOf } from '../domain/content.ts';
import { systemAccountId } from '../domain/system.ts';
import type { Command, Intent, Leg, Verdict } from '../domain.ts';
import { createExpiryJob } from '../expiry.ts';
import { createForecast } from '../forecast.ts';
import { invariantsSql } from '../invariants.ts';
import { createStore } from '../store.ts';
import { createLedgerWriter } from '../writer.ts';
import { askOracle, createOracle } from './oracle.ts';

/** One command as chance draws it: accounts, transactions and earlier commands by number. */
interface Draw {
  kind: 'execute' | 'authorize' | 'capture' | 'void' | 'reverse' | 'review' | 'setStatus' | 'open';
  accounts: number[];
  amounts: bigint[];
  target: number;
  actions: [Verdict['action'], Verdict['action']];
  approves: boolean;
  person: number;
  status: 'ACTIVE' | 'FROZEN' | 'CLOSED';
  /** Undefined for a new request; else an earlier one again, the same or with another content under its id. */
  repeats: { which: number; isSame: boolean } | undefined;
}

const accountCount = 6;
const people = [1, 2, 3].map((n) => uuidOf('oracle', String(n)));
/** Enough for some, too much for others, and one that two people must approve. */
const amount = fc.oneof(
  { weight: 8, arbitrary: fc.bigInt(1n, 600n) },
  { weight: 1, arbitrary: fc.constant(10_000_000n) },
);
const action = fc.oneof(
  { weight: 8, arbitrary: fc.constant<Verdict['action']>('ALLOW') },
  { weight: 2, arbitrary: fc.constantFrom<Verdict['action'][]>('REVIEW', 'DENY') },
);
const account = fc.integer({ min: 0, max: accountCount });
const draw: fc.Arbitrary<Draw> = fc.record({
  kind: fc.oneof(
    { weight: 5, arbitrary: fc.constant<Draw['kind']>('execute') },
    { weight: 3, arbitrary: fc.constant<Draw['kind']>('authorize') },
    {
      weight: 4,
      arbitrary: fc.constantFrom<Draw['kind'][]>('capture', 'void', 'reverse', 'review'),
    },
    { weight: 1, arbitrary: fc.constantFrom<Draw['kind'][]>('setStatus', 'open') },
  ),
  accounts: fc.array(account, { minLength: 6, maxLength: 6 }),
  amounts: fc.array(amount, { minLength: 1, maxLength: 3 }),
  target: fc.nat(99),
  actions: fc.tuple(action, action),
  approves: fc.boolean(),
  person: fc.nat(2),
  status: fc.constantFrom<Draw['status'][]>('ACTIVE', 'ACTIVE', 'FROZEN', 'CLOSED'),
  repeats: fc.oneof(
    { weight: 6, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.record({ which: fc.nat(99), isSame: fc.boolean() }) },
  ),
});
const history = fc.array(
  fc.record({
    commands: fc.array(draw, { minLength: 1, maxLength: 30 }),
    /** What passes before the next batch: nothing, or more than a hold lasts. */
    seconds: fc.constantFrom(0, 1, 100),
  }),
  { minLength: 1, maxLength: 6 },
);

let schema: TestSchema;
let oracleSchema: TestSchema;
let oracle: postgres.Sql;

beforeAll(async () => {
  const { databaseUrl } = inject('servers');
  const migrations = [new URL('../migrations/', import.meta.url)];
  schema = await createTestSchema(databaseUrl, migrations);
  oracleSchema = await createTestSchema(databaseUrl, migrations);
  oracle = postgres(oracleSchema.url, {
    max: 1,
    connection: { search_path: oracleSchema.schema },
    onnotice: () => {},
  });
  await createOracle(oracle);
  // In the ledger it comes into being by itself.
  await oracle`select oracle_open(${systemAccountId('OUTSIDE', 'EUR')}, null, null, now())`;
});
afterAll(async () => {
  await oracle.end();
  await schema.stop();
  await oracleSchema.stop();
});

test('batches answer and leave what one call per command does, whatever the history', async () => {
  const clock = createTestClock();
  const database = schema.open();
  const store = createStore(database);
  const forecast = createForecast({ database, store, clock });
  // Small ones, so that there are many that depend on others.
  const writer = createLedgerWriter({ database, forecast, clock, batchMin: 1 });
  const expiry = createExpiryJob({ database, store, forecast, clock });
  const response = OpenLedgerAccountResponseSchema;

  const ask = (asked: Asked) =>
    writer.do({ key: asked.key, response, item: asked.command }).then(
      () => 'done',
      (error) => error.reason || String(error),
    );

  await fc.assert(
    fc.asyncProperty(history, async (batches) => {
      const bank = createBank(clock.now);
      const all: Asked[] = [];
      async function both(batch: readonly Asked[]): Promise<void> {
        const [answers, expected] = [await Promise.all(batch.map(ask)), [] as string[]];
        for (const { key, command } of batch) {
          expected.push(await askOracle(oracle, key, command, clock.now()));
        }
        expect(answers).toEqual(expected);
      }
      await both(bank.openings());
      for (const { commands, seconds } of batches) {
        await both(commands.map((each) => bank.toCommand(each, all)));
        clock.advance({ seconds });
        while ((await expiry.run()) > 0) {}
        await oracle`select oracle_expire(${new Date(clock.now())})`;
      }
      const ids = [...bank.accounts];
      expect(await read(database.sql as never, ids)).toEqual(await read(oracle, ids));
    }),
    runs(40),
  );
  expect(await database.sql.unsafe(invariantsSql)).toEqual([]);
  expect(await oracle.unsafe(invariantsSql)).toEqual([]);
});

interface Asked {
  key: { requestId: string; scope: string; hash: Buffer };
  command: Command;
}

const scope = 'somebody/Anything';

/** Draws made into commands upon accounts of their own. */
function createBank(now: () => number) {
  const accounts = Array.from({ length: accountCount }, () => uuidv7());
  const outside = systemAccountId('OUTSIDE', 'EUR');
  const transactions: string[] = [uuidv7()];
  const accountOf = (n: number) => accounts[n] ?? outside;
  const by = { userId: undefined, mayUseAnyAccount: true };

  function legsOf({ accounts: drawn, amounts }: Draw): Leg[] {
    return amounts.map((amountMinor, i) => {
      const [source, destination] = [drawn[2 * i]!, drawn[2 * i + 1]!];
      return {
        sourceId: accountOf(source),
        destinationId: accountOf(
          destination === source ? (destination + 1) % accountCount : destination,
        ),
        amountMinor,
        currency: 'EUR',
      };
    });
  }

  function build(each: Draw, requestId: string): Command {
    const transactionId = transactions[each.target % transactions.length]!;
    switch (each.kind) {
      case 'execute':
      case 'authorize': {
        const intent: Intent = {
          transactionId: transactionIdOf(scope, requestId),
          type: 'TRANSFER',
          legs: legsOf(each),
          reference: '',
          initiator: { ...by, userId: people[each.person] },
        };
        const verdictOf = (decided: Verdict['action']): Verdict => ({
          decisionId: intent.transactionId,
          action: decided,
          contentHash: contentHashOf(intent),
          ruleSetVersion: 1n,
          findings: [],
          expiresAt: now() + 30_000,
        });
        const [risk, compliance] = each.actions;
        const verdicts = { risk: verdictOf(risk), compliance: verdictOf(compliance) };
        const hold = each.kind === 'authorize' ? { seconds: 50 } : undefined;
        return { kind: 'execute', intent, judgement: { verdicts }, hold };
      }
      case 'capture': {
        const amountMinor = each.approves ? undefined : each.amounts[0]!;
        return { kind: 'capture', transactionId, amountMinor, by };
      }
      case 'void':
        return { kind: 'void', transactionId, by };
      case 'reverse': {
        const reversalId = transactionIdOf(scope, requestId);
        return { kind: 'reverse', transactionId, reversalId, reference: '', by };
      }
      case 'review': {
        const reviewerId = people[each.person]!;
        return { kind: 'review', transactionId, approves: each.approves, note: '', reviewerId };
      }
      case 'setStatus': {
        const accountId = accounts[each.target % accountCount]!;
        return { kind: 'setStatus', accountId, status: each.status };
      }
      case 'open':
        return opening(accounts[each.target % accountCount]!, 0n);
    }
  }

  function opening(accountId: string, floor: bigint): Command {
    const ownerId = uuidOf(accountId, 'owner');
    const identity = { accountId, ownerId, type: 'CHECKING', currency: 'EUR' } as const;
    return { kind: 'open', account: identity, floor };
  }

  function keyOf(requestId: string, command: Command): Asked['key'] {
    const text = JSON.stringify(command, (key, value) =>
      // What a verdict says until when is no part of what was asked for.
      key === 'expiresAt' ? undefined : typeof value === 'bigint' ? String(value) : value,
    );
    return { requestId, scope, hash: sha256(text) };
  }

  return {
    accounts,
    openings(): Asked[] {
      return accounts.map((accountId, i) => {
        const command = opening(accountId, i % 2 === 0 ? -1_000n : 0n);
        return { key: keyOf(uuidv7(), command), command };
      });
    },
    /** Remembers what it made in `all`, from which later draws repeat. */
    toCommand(each: Draw, all: Asked[]): Asked {
      const earlier = each.repeats && all[each.repeats.which % Math.max(1, all.length)];
      if (earlier !== undefined && each.repeats?.isSame) return earlier;
      const requestId = earlier?.key.requestId ?? uuidv7();
      const command = build(each, requestId);
      const asked = { key: keyOf(requestId, command), command };
      if (earlier === undefined) {
        all.push(asked);
        if (command.kind === 'execute') transactions.push(command.intent.transactionId);
      }
      return asked;
    },
  };
}

/** All that is kept of some accounts, without times. */
async function read(sql: postgres.Sql, accountIds: readonly string[]): Promise<unknown> {
  const ids = accountIds as string[];
  return Promise.all([
    sql`select account_id, status, posted_minor::text, held_minor::text, incoming_minor::text,
        sequence::text
      from account where account_id = any(${ids}::uuid[]) order by account_id`,
    sql`select account_id, sequence::text, transaction_id, delta_minor::text, balance_minor::text
      from entry where account_id = any(${ids}::uuid[]) order by account_id, sequence`,
    sql`select transaction_id, status, awaits, amount_minor::text, captured_minor::text,
        further_legs, failure, reverses_id, reversed_by_id, coalesce(jsonb_array_length(reviews), 0)
      from transaction
      where source_id = any(${ids}::uuid[]) or destination_id = any(${ids}::uuid[])
      order by transaction_id`,
  ]).then((tables) => tables.map((rows) => rows.map((row) => ({ ...row }))));
}
