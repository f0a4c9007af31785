import type { Message } from '@bufbuild/protobuf';
import { PaymentService } from '#gen/finance/payment/v1/payment_pb.ts';
import { retryCollisions } from '#kit/db/collision.ts';
import type { Database, Tx } from '#kit/db/database.ts';
import { findAnswers, recordAnswers } from '#kit/db/request-log.ts';
import { assert } from '#kit/errors.ts';
import { type Coalescer, createCoalescer, type Outcome } from '#kit/load/coalesce.ts';
import { RequestIdReused } from '#kit/mesh-errors.ts';
import type { PaymentRecord } from './domain/record.ts';
import { limits, PaymentExists, PaymentVoided } from './domain.ts';
import type { Store } from './store.ts';
import type { PaymentRequest } from './writer.ts';

type Refusal = PaymentVoided | PaymentExists;

/** A payment to begin, in the hands of whoever asks, and the request that asks for it. */
export interface Beginning {
  record: PaymentRecord;
  request: PaymentRequest;
}

/** The payment that this request has begun, now or before; or its answer, when that was given already. */
export type Begun =
  | { record: PaymentRecord; isNew: boolean; answer?: undefined }
  | { answer: Message };

/** Begins payments. Throws what stands against one: RequestIdReused, PaymentExists, PaymentVoided. */
export type Beginner = Coalescer<Beginning, Begun>;

/**
 * Writes new payments down before the provider is asked. The row is what makes a payment unique until its answer is
 * recorded: whoever asks again, here or elsewhere, finds it and waits for the same outcome.
 */
export function createBeginner({
  database,
  store,
}: {
  database: Database;
  store: Store;
}): Beginner {
  return createCoalescer<Beginning, Begun>({
    name: 'finance.payment.begin',
    timeoutMs: limits.batchMsMax,
    itemsMax: limits.batchMax,
    async run(items) {
      const begun = await retryCollisions(() =>
        store.begin(
          items.map(({ record }) => record),
          items.map(({ request }) => request.key),
        ),
      );
      const rest = items.filter(({ record }) => !begun.has(record.paymentId));
      const others = rest.length === 0 ? [] : await lookCloser(rest);
      return items.map(({ record }) =>
        begun.has(record.paymentId) ? { value: { record, isNew: true } } : others.shift()!,
      );
    },
  });

  /** Those that were not begun were answered or begun before, or there is another payment. */
  function lookCloser(items: readonly Beginning[]): Promise<Outcome<Begun>[]> {
    return retryCollisions(() => database.transaction((tx) => judge(tx, items)));
  }

  async function judge(tx: Tx, items: readonly Beginning[]): Promise<Outcome<Begun>[]> {
    const answers = await findAnswers(
      tx,
      items.map(({ request }) => request),
    );
    const rivals = await store.findRivals(
      tx,
      items.map(({ record }) => record),
    );
    const byRequest = new Map(rivals.map((rival) => [rival.request?.key, rival]));
    const byOrder = new Map(rivals.map((rival) => [rival.orderId, rival]));
    const refused = new Map<string, PaymentRequest & { outcome: { error: Refusal } }>();
    const outcomes = items.map(({ record, request }, i): Outcome<Begun> => {
      const answer = answers[i];
      if (answer) return 'error' in answer ? answer : { value: { answer: answer.value } };
      const mine = byRequest.get(record.request!.key);
      if (mine?.request?.hash.equals(request.key.hash)) {
        return { value: { record: mine, isNew: false } };
      }
      const { requestId, scope } = request.key;
      if (mine) return { error: new RequestIdReused({ request_id: requestId }) };
      const rival = byOrder.get(record.orderId);
      assert(rival !== undefined, 'what kept a payment from being begun is there');
      const orderId = { order_id: record.orderId };
      const isVoided = rival.voidRequested || rival.status === 'VOIDED';
      const error = isVoided ? new PaymentVoided(orderId) : new PaymentExists(orderId);
      const earlier = refused.get(`${requestId} ${scope}`);
      if (earlier && !earlier.key.hash.equals(request.key.hash)) {
        return { error: new RequestIdReused({ request_id: requestId }) };
      }
      refused.set(`${requestId} ${scope}`, { ...request, outcome: { error } });
      return { error };
    });
    recordAnswers(database, tx, PaymentService.typeName, [...refused.values()]);
    return outcomes;
  }
}
