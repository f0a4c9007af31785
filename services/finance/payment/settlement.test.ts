import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import {
  PaymentService,
  type Settlement,
  SettlementKind,
  SettlementState,
} from '#gen/finance/payment/v1/payment_pb.ts';
import { armDebugPoint } from '#kit/debug.ts';
import { uuidv7 } from '#kit/ids.ts';
import { times } from '#kit/testing/crowd.ts';
import { joinMsMax, meetAt } from '#kit/testing/meet.ts';
import { chooseSeed, printSeed } from '#kit/testing/property.ts';
import { brokenInvariants } from '../transaction/invariants.ts';
import { cardsAccountId, shopAccountId } from './domain/books.ts';
import { limits } from './domain.ts';
import { startPaidNetwork } from './sandbox/testing.ts';
import { type PaidBank, startPaidBank } from './testing.ts';

let bank: PaidBank;
let logged = '';
let disarm = () => {};

beforeAll(async () => {
  bank = await startPaidBank({
    logLevel: 'warn',
    logDestination: {
      write: (line: string) => {
        logged += line;
      },
    },
  });
});
afterEach(async () => {
  disarm();
  bank.risk.decide = () => 'ALLOW';
  bank.compliance.decide = () => 'ALLOW';
  bank.paid.network.clock.advance({ hours: 2 });
  await expectSettled();
  expect(await brokenInvariants(bank.paid.network.sql)).toEqual([]);
});
afterAll(() => bank.stop());

/** Of waiting for what is done in the background, on a busy machine. */
const patient = { timeout: joinMsMax };
const payments = () => bank.paid.payments();
const { OPEN, IN_REVIEW, REFUSED, SETTLED } = SettlementState;

const list = (pageSize: number, pageToken = '') =>
  bank.paid.network
    .client(PaymentService, 'finance.payment')
    .listSettlements({ pageSize, pageToken }, bank.analyst);

/** All settlements, the newest first, as staff read them. */
async function listAll(pageSize = 500): Promise<Settlement[]> {
  const all: Settlement[] = [];
  for (let pageToken: string | undefined; pageToken !== ''; ) {
    const page = await list(pageSize, pageToken);
    all.push(...page.settlements);
    pageToken = page.nextPageToken;
  }
  return all;
}

async function newest(): Promise<Settlement> {
  return (await list(1)).settlements[0]!;
}

/** What cards paid and were given back is in the ledger: by the payments, by the settlements, and by its own accounts. */
async function expectSettled(): Promise<void> {
  await bank.paid.settle();
  const { sql } = bank.paid.network;
  const taken = await sql<{ currency: string; minor: string; open: number }[]>`
    select currency, sum(captured_minor - coalesce(given, 0))::text as minor,
      sum((settlement_id is null)::integer)::integer as open
    from finance_payment.payment left join (
      select payment_id, sum(amount_minor) as given from finance_payment.operation
      where kind = 'REFUND' and state = 'DONE' group by 1) as o using (payment_id)
    where captured_minor > 0 and account_id is null group by 1`;
  const settled = new Map<string, bigint>();
  for (const { kind, amount, state } of await listAll()) {
    expect(state).toBe(SETTLED);
    const { currencyCode, amountMinor } = amount!;
    const signed = kind === SettlementKind.CAPTURE ? amountMinor : -amountMinor;
    settled.set(currencyCode, (settled.get(currencyCode) ?? 0n) + signed);
  }
  for (const { currency, minor, open } of taken) {
    expect(open, currency).toBe(0);
    expect(settled.get(currency), currency).toBe(BigInt(minor));
    const { posted } = await bank.ledger.balance(cardsAccountId(currency));
    expect(posted, currency).toBe(-BigInt(minor));
  }
  expect(settled.size).toBe(taken.length);
  const wrong = await sql`
    select * from finance_payment.settlement full join (
      select settlement_id, sum(minor) as minor, count(*) as count from (
        select settlement_id, captured_minor as minor from finance_payment.payment
        union all select settlement_id, amount_minor from finance_payment.operation) as item
      where settlement_id is not null group by 1) as items using (settlement_id)
    where amount_minor is distinct from minor or item_count is distinct from count`;
  expect(wrong).toEqual([]);
}

/** Whoever comes to this point fails there, until `disarm`. */
function failAt(point: string): void {
  disarm = armDebugPoint(point, () => {
    throw new Error('failed');
  });
}

const pay = async (amountMinor: bigint, currencyCode = 'EUR') => {
  const asked = { ...bank.paid.asked(), amount: { currencyCode, amountMinor } };
  return (await payments().processPayment(asked)).payment!;
};
const refund = (paymentId: string, amountMinor: bigint) =>
  payments().refundPayment({ requestId: uuidv7(), paymentId, amountMinor });

test('captures of a currency come into the ledger together, and refunds the other way', async () => {
  await bank.paid.settle();
  const before = await bank.ledger.balance(shopAccountId('NOK'));
  failAt('finance.payment.before-bind');
  const [first] = [await pay(700n, 'NOK'), await pay(300n, 'NOK')];
  await refund(first.paymentId, 100n);
  await refund(first.paymentId, 50n);
  disarm();
  await bank.paid.settle();
  const found = (await listAll()).filter(({ amount }) => amount!.currencyCode === 'NOK');
  const { CAPTURE, REFUND } = SettlementKind;
  expect(
    found.map(({ kind, amount, itemCount }) => [kind, amount!.amountMinor, itemCount]),
  ).toEqual(
    expect.arrayContaining([
      [CAPTURE, 1_000n, 2],
      [REFUND, 150n, 2],
    ]),
  );
  expect(found).toHaveLength(2);
  const after = await bank.ledger.balance(shopAccountId('NOK'));
  expect(after.posted - before.posted).toBe(850n);
});

test('what an account pays is in the ledger already, and is settled by nobody', async () => {
  await bank.paid.settle();
  const before = await listAll();
  const { payment } = await payments().processPayment(bank.asked(await bank.customer()));
  await refund(payment!.paymentId, 100n);
  await bank.paid.settle();
  expect(await listAll()).toEqual(before);
});

test('random captures, refunds and voids in three currencies are what the ledger has', async () => {
  const seed = chooseSeed();
  printSeed(seed);
  let state = seed;
  const random = (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state % below;
  };
  const tokens = ['tok_visa', 'tok_visa', 'tok_expired_card', 'tok_error', 'tok_refund_refused'];
  const plans = Array.from({ length: 90 }, () => ({
    currencyCode: ['EUR', 'CHF', 'JPY'][random(3)]!,
    amountMinor: BigInt(1 + random(100_000)),
    token: tokens[random(tokens.length)]!,
    isHeldFirst: random(3) === 0,
    parts: [random(100), random(100), random(100)],
    isVoided: random(6) === 0,
  }));
  await times(plans.length, async (i) => {
    const { currencyCode, amountMinor, token, isHeldFirst, parts, isVoided } = plans[i]!;
    const asked = { ...bank.paid.asked(token), amount: { currencyCode, amountMinor } };
    const [first, ...others] = parts.map((part) => (amountMinor * BigInt(part)) / 100n);
    const begin = isHeldFirst ? payments().authorizePayment : payments().processPayment;
    const { paymentId } = (await begin(asked)).payment!;
    if (isHeldFirst) {
      const request = { requestId: uuidv7(), paymentId, amountMinor: first! };
      await payments()
        .capturePayment(request)
        .catch(() => {});
    }
    for (const other of others) await refund(paymentId, other).catch(() => {});
    // One whose refund the provider refuses would be asked for again and again.
    if (isVoided && token !== 'tok_refund_refused') {
      await payments().voidPayment({ requestId: uuidv7(), orderId: asked.orderId });
    }
  });
  await expectSettled();
});

test('two jobs that race, with more than one settlement may hold, settle each capture once', async () => {
  const other = await startPaidBank({ joins: bank });
  onTestFinished(() => other.stop());
  const limit = limits.settlementItemsMax;
  const requests = Array.from({ length: limit + 100 }, () => bank.paid.asked('tok_visa', 10n));
  failAt('finance.payment.before-bind');
  for (let from = 0; from < requests.length; from += 500) {
    const batch = { requests: requests.slice(from, from + 500), settleMs: 5_000 };
    await payments().batchProcessPayments(batch);
  }
  const services = [bank, other].map((each) => each.paid.network.service('finance.payment'));
  const before = (await listAll()).length;
  const meeting = meetAt(['finance.payment.before-bind'], bank.paid.network.sql);
  const racing = Promise.allSettled(services.map((service) => service.advance()));
  await meeting.joined(2);
  meeting.letAllGo();
  await racing;
  await Promise.all(services.map((service) => service.advance()));
  await bank.paid.settle();
  const counts = (await listAll()).slice(0, -before || undefined).map(({ itemCount }) => itemCount);
  expect(Math.max(...counts)).toBe(limit);
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(limit + 100);
});

test.each([
  'finance.payment.before-bind',
  'finance.payment.before-settle',
  'finance.payment.after-settle',
  'finance.transaction.before-commit',
])('a job that fails at %s has moved it once when it is done', async (where) => {
  await bank.paid.settle();
  const before = (await bank.ledger.balance(shopAccountId('EUR'))).posted;
  failAt(where);
  await pay(1_234n);
  const service = bank.paid.network.service('finance.payment');
  await service.advance().catch(() => {});
  disarm();
  bank.paid.network.clock.advance({ minutes: 1 });
  await bank.paid.settle();
  expect(await newest()).toMatchObject({ state: SETTLED, amount: { amountMinor: 1_234n } });
  expect((await bank.ledger.balance(shopAccountId('EUR'))).posted).toBe(before + 1_234n);
});

test('settlements are listed by pages, for staff alone', async () => {
  await bank.paid.settle();
  const all = await listAll();
  expect(all.length).toBeGreaterThan(2);
  const bySize = await listAll(Math.ceil(all.length / 3));
  expect(bySize).toEqual(all);
  const person = await bank.paid.network.person();
  const client = bank.paid.network.client(PaymentService, 'finance.payment');
  await expect(client.listSettlements({}, person)).rejects.toMatchObject({
    reason: 'CALLER_NOT_ALLOWED',
  });
});

describe('a settlement that is to be reviewed', () => {
  async function inReview(): Promise<Settlement> {
    await bank.paid.settle();
    bank.risk.decide = () => 'REVIEW';
    await pay(1_234n);
    await bank.paid.settle();
    bank.risk.decide = () => 'ALLOW';
    const waiting = await newest();
    expect(waiting).toMatchObject({ state: IN_REVIEW, amount: { amountMinor: 1_234n } });
    return waiting;
  }

  test('waits, keeps no other waiting, and is settled once it is approved', async () => {
    const { settlementId } = await inReview();
    await pay(77n);
    await bank.paid.settle();
    expect(await newest()).toMatchObject({ state: SETTLED, amount: { amountMinor: 77n } });
    await bank.review(cardsAccountId('EUR'), true);
    const state = async () =>
      (await listAll()).find((each) => each.settlementId === settlementId)!.state;
    await expect
      .poll(async () => [await bank.paid.settle(), await state()][1], patient)
      .toBe(SETTLED);
  });

  test('and is rejected is asked for anew after an hour', async () => {
    const { transactionId } = await inReview();
    await bank.review(cardsAccountId('EUR'), false);
    const seen = async () => {
      await bank.paid.settle();
      return newest();
    };
    await expect
      .poll(seen, patient)
      .toMatchObject({ state: REFUSED, failure: 'REJECTED', refusalCount: 1 });
    bank.paid.network.clock.advance({ hours: 1, seconds: 1 });
    const settled = await seen();
    expect(settled).toMatchObject({ state: SETTLED, failure: '' });
    expect(settled.transactionId).not.toBe(transactionId);
  });
});

test('a settlement that is denied is logged each time, and settled when it is allowed', async () => {
  await bank.paid.settle();
  bank.compliance.decide = () => 'DENY';
  await pay(55n);
  for (const refusalCount of [1, 2]) {
    logged = '';
    await bank.paid.settle();
    const failure = 'TRANSACTION_DENIED';
    expect(await newest()).toMatchObject({ state: REFUSED, failure, refusalCount });
    expect(logged).toContain('payment.settlement_refused');
    bank.paid.network.clock.advance({ hours: 1, seconds: 1 });
  }
  bank.compliance.decide = () => 'ALLOW';
  await bank.paid.settle();
  expect(await newest()).toMatchObject({ state: SETTLED, amount: { amountMinor: 55n } });
});

test('while no judge answers it is open, and settled later', async () => {
  await bank.paid.settle();
  bank.risk.decide = () => new Error('silent');
  await pay(66n);
  await bank.paid.settle();
  expect(await newest()).toMatchObject({ state: OPEN, amount: { amountMinor: 66n } });
  bank.risk.decide = () => 'ALLOW';
  bank.paid.network.clock.advance({ milliseconds: limits.settlementRetryMs + 1 });
  await bank.paid.settle();
  expect(await newest()).toMatchObject({ state: SETTLED });
});

test('a shop without a bank takes money as ever, and waits for nobody', async () => {
  const shop = await startPaidNetwork(['finance.payment']);
  onTestFinished(() => shop.stop());
  for (let i = 0; i < 5; i += 1) {
    await shop.payments().processPayment(shop.asked());
    await shop.settle();
  }
  const rows = await shop.network.sql`select state, item_count from finance_payment.settlement`;
  // The next holds all that has come since.
  expect(rows).toEqual([{ state: 'OPEN', item_count: 1 }]);
});
