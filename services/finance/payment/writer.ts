import type { DescMessage, Message } from '@bufbuild/protobuf';
import { PaymentService } from '#gen/finance/payment/v1/payment_pb.ts';
import type { Clock } from '#kit/clock.ts';
import { retryCollisions } from '#kit/db/collision.ts';
import type { Database, Tx } from '#kit/db/database.ts';
import { publish } from '#kit/db/outbox.ts';
import type { RequestKey } from '#kit/db/request-key.ts';
import { findAnswers, recordAnswers } from '#kit/db/request-log.ts';
import { together } from '#kit/db/together.ts';
import { debugPoint } from '#kit/debug.ts';
import { type Coalescer, createCoalescer, type Outcome } from '#kit/load/coalesce.ts';
import type { Logger } from '#kit/telemetry/log.ts';
import { type Batch, openBatch } from './batch.ts';
import type { PaymentRecord, StoredFact } from './domain/record.ts';
import { type Fact, limits, type Payment } from './domain.ts';
import { paymentChanged } from './events.ts';
import type { Store } from './store.ts';

/** A request whose answer is the payment, once that is known. */
export interface PaymentRequest {
  key: RequestKey;
  response: DescMessage;
  /** Whether it can be answered yet. Throws the DomainError that is its answer. */
  isKnown(payment: Payment): boolean;
}

/** One thing to do to one payment, which need not exist. */
export interface Change {
  of: { paymentId: string } | { orderId: string };
  /** What the provider said: applied whatever becomes of the rest. */
  facts?: readonly SourcedFact[];
  /** The epoch of the lease under which the provider was asked. */
  holder?: number;
  /**
   * What is asked for; not done again when the request was answered before. Throws the DomainError that refuses it.
   */
  ask?: (record: PaymentRecord | undefined, now: number) => PaymentRecord;
  /** The operation that `ask` makes. */
  operationId?: string;
  request?: PaymentRequest;
  /** We have begun the request ourselves just now, so there is no earlier answer; unless another process was faster. */
  isFirst?: boolean;
}

export type SourcedFact = Fact & Pick<StoredFact, 'source' | 'eventId'>;

export interface Written {
  /** The payment after the batch; undefined when there is none. */
  record: PaymentRecord | undefined;
  /** The answer to the request, now or from before; undefined while it is not known. */
  answer: Outcome<Message> | undefined;
  /** Whether `ask` has put the payment into the hands of whoever asked. */
  isTaken: boolean;
}

export type PaymentWriter = Coalescer<Change, Written>;

/**
 * The one writer of payments that have begun. A batch holds changes of all kinds: one transaction locks the payments,
 * applies the changes in turn, and writes payments, operations, facts, events and answers.
 */
export function createPaymentWriter(deps: {
  database: Database;
  store: Store;
  clock: Clock;
  log: Logger;
  /** Hears of what was written, after the commit. */
  tell(records: readonly PaymentRecord[]): void;
}): PaymentWriter {
  const { database, store, clock, log, tell } = deps;

  async function read(tx: Tx, changes: readonly Change[], isRetry: boolean): Promise<Batch> {
    const requests = changes.flatMap(({ request, isFirst }) =>
      request === undefined || (isFirst && !isRetry) ? [] : [request],
    );
    const wanted = {
      paymentIds: changes.flatMap(({ of }) => ('paymentId' in of ? [of.paymentId] : [])),
      orderIds: changes.flatMap(({ of }) => ('orderId' in of ? [of.orderId] : [])),
      operationIds: changes.flatMap(({ operationId }) => operationId ?? []),
    };
    // Sent together: answers are looked for when the payments are locked.
    const [locked, answers] = await together([
      store.lock(tx, wanted),
      requests.length === 0 ? [] : findAnswers(tx, requests),
    ]);
    const answered = new Map(requests.map((request, i) => [request, answers[i]]));
    return openBatch({ ...locked, answered, now: clock.now() });
  }

  async function write(tx: Tx, batch: Batch): Promise<void> {
    const changed = batch.changed();
    store.update(tx, changed);
    store.writeFacts(tx, batch.facts());
    publish(database, tx, batch.published().map(paymentChanged));
    recordAnswers(database, tx, PaymentService.typeName, batch.newAnswers());
    // Sent together: the connection keeps their order, and one round trip is enough.
    await together([
      store.insert(tx, batch.inserted()),
      store.writeOperations(tx, batch.changedOperations()),
    ]);
  }

  return createCoalescer<Change, Written>({
    name: 'finance.payment.write',
    timeoutMs: limits.batchMsMax,
    itemsMax: limits.batchMax,
    async run(changes) {
      let attempts = 0;
      const { batch, outcomes } = await retryCollisions(() =>
        database.transaction(async (tx) => {
          attempts += 1;
          const opened = await read(tx, changes, attempts > 1);
          const applied = changes.map((change) => opened.apply(change));
          await write(tx, opened);
          await debugPoint('finance.payment.before-commit');
          return { batch: opened, outcomes: applied };
        }),
      );
      tell([...batch.inserted(), ...batch.changed()]);
      for (const { paymentId, operation, kind, code, verdict } of batch.facts()) {
        if (verdict === 'ILLEGAL') {
          log.error({ paymentId, operation, kind }, 'payment.fact_contradicts');
        } else if (kind === 'refused' && verdict === 'APPLIED') {
          log.warn({ paymentId, operation, code }, 'payment.refund_refused');
        }
      }
      return outcomes.map((value) => ({ value }));
    },
  });
}
