import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { PaymentService, PaymentStatus } from '#gen/finance/payment/v1/payment_pb.ts';
import { LedgerAccountStatus } from '#gen/finance/transaction/v1/transaction_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import { brokenInvariants } from '#services/finance/transaction/invariants.ts';
import { ledgerOf } from '#services/finance/transaction/testing.ts';
import { insist, tolerate } from '#tools/chaos/patience.ts';
import { startTestMesh, type TestMesh } from '../support/mesh.ts';

/** Payments from accounts of the bank, whose services die on the way: a chaos run of the shop pays by card. */

const patience = { timeout: 60_000, interval: 100 };
let mesh: TestMesh;
let sql: postgres.Sql;

beforeAll(async () => {
  mesh = await startTestMesh('service', {
    only: [
      'platform.audit',
      'finance.payment',
      'finance.transaction',
      'finance.risk',
      'finance.compliance',
    ],
    logLevel: 'error',
  });
  sql = postgres(mesh.servers.databaseUrl, { max: 1, onnotice: () => {} });
});
afterAll(async () => {
  await sql?.end();
  await mesh?.stop();
});

const payments = () =>
  mesh.client(PaymentService, 'finance.payment', { service: 'commerce.order' });
const ledger = () => ledgerOf(mesh);
const patiently = <Answer>(send: () => Promise<Answer>) => insist(undefined, new Map(), send);
const { CAPTURED, REFUNDED, VOIDED } = PaymentStatus;

interface Outcome {
  /** What a payment comes to: one of these. */
  readonly statuses: readonly PaymentStatus[];
  /** What is left of the 5,000 that were on the account. */
  readonly left: bigint;
  /** Transactions of the ledger that take from the account or give back to it, at most. */
  readonly transactionsMax: number;
}

/** Ways of a payment of 1,000, of which each call is repeated until it is answered. */
const ways: { pay(asked: Asked): Promise<void>; outcome: Outcome }[] = [
  {
    async pay(asked) {
      const { payment } = await patiently(() => payments().processPayment(asked));
      const refund = { requestId: uuidv7(), paymentId: payment!.paymentId, amountMinor: 300n };
      await patiently(() => payments().refundPayment(refund));
    },
    outcome: { statuses: [CAPTURED], left: 4_300n, transactionsMax: 2 },
  },
  {
    async pay(asked) {
      const { payment } = await patiently(() => payments().authorizePayment(asked));
      const capture = { requestId: uuidv7(), paymentId: payment!.paymentId, amountMinor: 400n };
      await patiently(() => payments().capturePayment(capture));
    },
    outcome: { statuses: [CAPTURED], left: 4_600n, transactionsMax: 1 },
  },
  {
    async pay(asked) {
      await patiently(() => payments().authorizePayment(asked));
      await voided(asked);
    },
    outcome: { statuses: [VOIDED], left: 5_000n, transactionsMax: 1 },
  },
  {
    // Frozen meanwhile, so the ledger refuses the capture, and what it holds is to be let go.
    async pay(asked) {
      const { payment } = await patiently(() => payments().authorizePayment(asked));
      const { accountId } = asked.account;
      const freeze = { requestId: uuidv7(), accountId, status: LedgerAccountStatus.FROZEN };
      await patiently(() => ledger().accounts.setLedgerAccountStatus(freeze));
      const capture = { requestId: uuidv7(), paymentId: payment!.paymentId };
      await tolerate('PAYMENT_NOT_AUTHORIZED', () =>
        patiently(() => payments().capturePayment(capture)),
      );
    },
    outcome: { statuses: [VOIDED], left: 5_000n, transactionsMax: 1 },
  },
  {
    // Voided at the same time.
    async pay(asked) {
      await Promise.all([
        tolerate('PAYMENT_VOIDED', () => patiently(() => payments().processPayment(asked))),
        voided(asked),
      ]);
    },
    outcome: { statuses: [VOIDED, REFUNDED], left: 5_000n, transactionsMax: 2 },
  },
];

/** What is asked for by a customer with 5,000 on an account. */
async function newcomer() {
  const userId = uuidv7();
  const accountId = await patiently(() => ledger().open(userId, 5_000n));
  const amount = { currencyCode: 'EUR', amountMinor: 1_000n };
  return { requestId: uuidv7(), orderId: uuidv7(), userId, amount, account: { accountId } };
}

type Asked = Awaited<ReturnType<typeof newcomer>>;

function voided({ orderId }: Asked) {
  const requestId = uuidv7();
  return patiently(() => payments().voidPayment({ requestId, orderId }));
}

interface Paid {
  readonly asked: Asked;
  readonly outcome: Outcome;
}

/** How many go each way at once. */
const abreast = 4;

/** People who go all ways at once, and what each has come to must hold once nothing is under way. */
async function round(): Promise<Paid[]> {
  const begun = ways.flatMap(({ pay, outcome }) =>
    Array.from({ length: abreast }, async () => {
      const asked = await newcomer();
      await pay(asked);
      return { asked, outcome };
    }),
  );
  return Promise.all(begun);
}

async function expectDone({ asked, outcome }: Paid): Promise<void> {
  const { orderId, account } = asked;
  const key = { case: 'orderId' as const, value: orderId };
  const { payment } = await payments().getPayment({ key });
  expect(outcome.statuses).toContain(payment!.status);
  expect(await ledger().balance(account.accountId)).toMatchObject({
    posted: outcome.left,
    held: 0n,
  });
  const transactions = await sql`
    select from finance_transaction.transaction
    where type = 'PAYMENT' and ${account.accountId} in (source_id, destination_id)`;
  expect(transactions.length).toBeLessThanOrEqual(outcome.transactionsMax);
}

describe('payments from accounts are made once and lose nothing, though', () => {
  test.each([
    [
      'finance.payment',
      [
        'before-charge',
        'after-hold',
        'after-charge',
        'before-refund',
        'after-refund',
        'before-authorize',
        'after-authorize',
        'before-capture',
        'after-capture',
        'before-release',
        'before-void',
        'after-void',
        'after-record',
        'before-commit',
      ],
    ],
    ['finance.transaction', ['before-commit', 'before-commit']],
  ])(
    '%s is killed at %j in turn',
    async (service, places) => {
      const victim = mesh.processes.find(({ name }) => name === mesh.processOf(service))!;
      // Past the first in each life: the one that died there comes there again.
      victim.armLives(
        places.map((place) => ({ MESHWORK_DEBUG_POINTS: `${service}.${place}=kill:2` })),
      );
      const before = victim.restarts;
      victim.kill('SIGKILL');
      const lives = before + 1 + places.length;
      const paid = [];
      while (victim.restarts < lives) paid.push(...(await round()));
      expect(victim.restarts).toBe(lives);
      await victim.ready();
      for (const one of paid) await vi.waitFor(() => expectDone(one), patience);
      expect(await brokenInvariants(sql)).toEqual([]);
      const contradictions = await sql`
        select from finance_payment.provider_fact where verdict in ('ILLEGAL', 'WAITING')`;
      expect(contradictions).toHaveLength(0);
    },
    240_000,
  );
});
