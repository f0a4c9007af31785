import type { Message } from '@bufbuild/protobuf';
import type { Clock } from '#kit/clock.ts';
import { debugPoint } from '#kit/debug.ts';
import { assert } from '#kit/errors.ts';
import type { Outcome } from '#kit/load/coalesce.ts';
import { currentScope, detached } from '#kit/scope.ts';
import type { Job } from '#kit/service.ts';
import type { Logger } from '#kit/telemetry/log.ts';
import type { PaymentRecord } from './domain/record.ts';
import { keyOf, nextStep, originOf, type Step } from './domain/work.ts';
import { limits } from './domain.ts';
import type { AccountPayer, Provider, ProviderAnswer } from './provider.ts';
import type { Lease, Store } from './store.ts';
import type { PaymentRequest, PaymentWriter, SourcedFact } from './writer.ts';

export interface Driver {
  /**
   * Asks the provider for one step after the other until nothing is left to do, or an outcome stays unknown. The
   * payment must be in our hands. Answers `request` with the step that makes its answer known; undefined when none did.
   * It goes on when its caller has gone. `isTakeover` says that somebody may have asked before. One that fails gives
   * the payment back, to be tried again after a pause.
   */
  drive(
    taken: PaymentRecord,
    options?: { request?: PaymentRequest; isTakeover?: boolean },
  ): Promise<Outcome<Message> | undefined>;
  /** Takes over payments that nobody works on. */
  readonly recovery: Job;
  /** Keeps the payments in hand from being taken over, however slow the provider is. */
  readonly renewal: Job;
  /** Drives in hand. */
  readonly driving: number;
  idle(): Promise<void>;
}

export function createDriver(deps: {
  /** Who is asked when a card pays, and who when an account does. */
  cards: Provider;
  ledger: Provider<AccountPayer>;
  writer: PaymentWriter;
  store: Store;
  clock: Clock;
  log: Logger;
}): Driver {
  const { cards, ledger, writer, store, clock, log } = deps;
  /** Drives in hand, and what each holds since when (milliseconds since the epoch). */
  const driven = new Map<Promise<unknown>, { lease: Lease; since: number }>();

  const drive: Driver['drive'] = (taken, options = {}) => {
    const lease = { paymentId: taken.paymentId, epoch: taken.work.epoch };
    const scope = { timeoutMs: limits.driveMsMax, trace: currentScope()?.trace };
    const running = detached(scope, () => run(taken, options));
    const ended = running.catch(() => giveBack(lease));
    driven.set(ended, { lease, since: clock.now() });
    void ended.finally(() => driven.delete(ended));
    return running;
  };

  async function run(
    taken: PaymentRecord,
    { request, isTakeover }: { request?: PaymentRequest; isTakeover?: boolean },
  ) {
    const holder = taken.work.epoch;
    let record = taken;
    let answer: Outcome<Message> | undefined;
    for (let step = nextStep(record); step !== undefined; step = nextStep(record)) {
      await debugPoint(`finance.payment.before-${step.kind}`);
      const facts = await (isTakeover ? askAgain(record, step) : ask(record, step));
      await debugPoint(`finance.payment.after-${step.kind}`);
      const of = { paymentId: record.paymentId };
      const open = answer === undefined ? request : undefined;
      const change = { of, facts, holder, request: open, isFirst: !isTakeover };
      const written = await writer.do(change);
      await debugPoint('finance.payment.after-record');
      answer ??= written.answer;
      assert(written.record !== undefined, 'a payment never goes');
      record = written.record;
      // Nothing was learned, or the lease was lost: whoever takes the payment next goes on.
      const { work } = record;
      if (work.epoch !== holder || work.leasedUntil === undefined) break;
    }
    return answer;
  }

  /** A step that came to nothing: the payment rests, and whoever takes it next looks up how far this one came. */
  async function giveBack({ paymentId, epoch }: Lease): Promise<void> {
    const change = { of: { paymentId }, holder: epoch };
    // While the database is away nothing is given back: the lease runs out by itself.
    await detached({ timeoutMs: limits.leaseMs }, () => writer.do(change)).catch(() => {});
  }

  /** Asks for a step that may have been asked for before: it is looked up first. */
  async function askAgain(record: PaymentRecord, step: Step): Promise<SourcedFact[]> {
    if (step.kind === 'void') return ask(record, step);
    const known = await providerOf(record).lookup(keyOf(record, step));
    return known === 'none' ? ask(record, step) : sourced(known, 'LOOKUP');
  }

  async function ask(record: PaymentRecord, step: Step): Promise<SourcedFact[]> {
    return sourced(await call(record, step), 'ANSWER');
  }

  function call(record: PaymentRecord, step: Step): Promise<ProviderAnswer> {
    const provider = providerOf(record);
    const { currency } = record;
    const key = keyOf(record, step);
    const origin = originOf(record);
    switch (step.kind) {
      case 'charge':
      case 'authorize':
        return begin(record, step.kind, key);
      case 'void':
        return provider.void({ origin });
      case 'capture':
      case 'refund':
        return provider[step.kind]({ key, origin, currency, amountMinor: step.amountMinor });
    }
  }

  function providerOf({ account }: PaymentRecord) {
    return account === undefined ? cards : ledger;
  }

  function begin(record: PaymentRecord, kind: 'charge' | 'authorize', key: string) {
    const { account, token, userId, currency, amountMinor } = record;
    const money = { currency, amountMinor };
    if (account !== undefined) {
      assert(userId !== undefined, 'somebody pays');
      return ledger[kind]({ key, ...account, userId, ...money });
    }
    assert(token !== undefined, 'a token is kept until the outcome is known');
    return cards[kind]({ key, token, ...money });
  }

  async function retell(): Promise<void> {
    const waiting = await store.findWaiting();
    await Promise.all(
      waiting.map((fact) => writer.do({ of: { paymentId: fact.paymentId }, facts: [fact] })),
    );
  }

  return {
    drive,
    get driving() {
      return driven.size;
    },
    recovery: {
      name: 'finance.payment.recovery',
      everyMs: limits.recoverEveryMs,
      // It does not wait for the provider: one slow payment must not hold up the others.
      async run() {
        if (driven.size >= limits.recoveriesMax) return 0;
        const taken = await store.claim(clock.now());
        for (const record of taken) {
          const { paymentId } = record;
          drive(record, { isTakeover: true }).catch((error) =>
            log.error({ error, paymentId }, 'payment.drive_failed'),
          );
        }
        // Last, for it may fail: what the provider said of one payment keeps no other waiting.
        await retell();
        return taken.length;
      },
      pending: () => store.countDue(),
    },
    renewal: {
      name: 'finance.payment.renewal',
      everyMs: limits.leaseRenewMs,
      async run() {
        const now = clock.now();
        const isDue = ({ since }: { since: number }) =>
          now - since >= limits.leaseRenewMs && now - since <= limits.driveMsMax;
        const due = [...driven.values()].filter(isDue);
        if (due.length > 0) {
          await store.renew(
            due.map(({ lease }) => lease),
            now,
          );
        }
        return 0;
      },
    },
    async idle() {
      while (driven.size > 0) await Promise.allSettled(driven.keys());
    },
  };
}

function sourced(answer: ProviderAnswer, source: SourcedFact['source']): SourcedFact[] {
  if (answer === 'unknown') return [];
  return answer.map((fact) => ({ ...fact, source, eventId: undefined }));
}
