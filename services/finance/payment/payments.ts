import type { Message } from '@bufbuild/protobuf';
import type { Outcome } from '#kit/load/coalesce.ts';
import { RequestIdReused } from '#kit/mesh-errors.ts';
import type { Logger } from '#kit/telemetry/log.ts';
import type { Beginner, Beginning } from './beginner.ts';
import { closedNow, type PaymentRecord } from './domain/record.ts';
import {
  type Asked,
  isCaptured,
  isRefunded,
  requestCapture,
  requestRefund,
  requestVoid,
} from './domain/requests.ts';
import { putToWork } from './domain/work.ts';
import { PaymentNotFound } from './domain.ts';
import type { Driver } from './driver.ts';
import type { Waiters } from './waiters.ts';
import type { PaymentRequest, PaymentWriter } from './writer.ts';

type Request = Omit<PaymentRequest, 'isKnown'>;

/**
 * What may be asked for. Each function answers once: a request that is under way, here or in another process, is joined.
 */
export interface Payments {
  /** Charges or authorizes. Answers the payment as it is when `until` resolves before the outcome is known. */
  begin(
    beginning: Beginning,
    until: Promise<unknown>,
  ): Promise<{ answer: Message } | { open: PaymentRecord }>;
  /** Takes what is held. Undefined when `until` resolves before the outcome is known. */
  capture(asked: OperationAsked, until: Promise<unknown>): Promise<Message | undefined>;
  /** Gives back what was taken; as `capture`. */
  refund(asked: OperationAsked, until: Promise<unknown>): Promise<Message | undefined>;
  /** Answers at once; what has to be undone is undone in the background. */
  void(asked: { orderId: string; paymentId: string; request: Request }): Promise<Message>;
}

export interface OperationAsked {
  paymentId: string;
  asked: Asked;
  request: Request;
}

export function createPayments(deps: {
  beginner: Beginner;
  writer: PaymentWriter;
  driver: Driver;
  waiters: Waiters;
  log: Logger;
}): Payments {
  const { beginner, writer, driver, waiters, log } = deps;

  /** Waits for the outcome of what was asked for, whoever finds it out. */
  async function finish(
    record: PaymentRecord,
    request: PaymentRequest,
    options: { isOurs: boolean; until: Promise<unknown> },
  ): Promise<Message | undefined> {
    const { paymentId } = record;
    if (options.isOurs) {
      const driven = driver.drive(record, { request });
      const heard = waiters.wait(paymentId, (told) => isKnown(request, told), options.until);
      // What is heard first is often our own drive; one turn later that has its answer.
      const answer = await Promise.race([driven, heard.then(nextTurn)]);
      if (answer !== undefined) return unwrap(answer);
      driven.catch((error) => log.error({ error, paymentId }, 'payment.drive_failed'));
      if (!(await heard)) return undefined;
    } else if (!isKnown(request, record)) {
      const isFound = await waiters.wait(
        paymentId,
        (told) => isKnown(request, told),
        options.until,
      );
      if (!isFound) return undefined;
    }
    const { answer } = await writer.do({ of: { paymentId }, request });
    return answer && unwrap(answer);
  }

  async function operate(
    { paymentId, asked, request }: OperationAsked,
    how: {
      make(record: PaymentRecord): PaymentRecord;
      isKnown: PaymentRequest['isKnown'];
      until: Promise<unknown>;
    },
  ): Promise<Message | undefined> {
    const { operationId } = asked;
    const full = { ...request, isKnown: how.isKnown };
    const { record, answer, isTaken } = await writer.do({
      of: { paymentId },
      operationId,
      request: full,
      ask(before, now) {
        if (before === undefined) throw new PaymentNotFound({ payment_id: paymentId });
        const running = before.operations.find((one) => one.operationId === operationId);
        if (running === undefined) return putToWork(how.make(before), now);
        if (running.requestHash === asked.requestHash) return before;
        throw new RequestIdReused({ request_id: request.key.requestId });
      },
    });
    if (answer !== undefined) return unwrap(answer);
    return finish(record!, full, { isOurs: isTaken, until: how.until });
  }

  return {
    async begin(beginning, until) {
      const begun = await beginner.do(beginning);
      if (begun.answer !== undefined) return { answer: begun.answer };
      const { record, isNew: isOurs } = begun;
      const answer = await finish(record, beginning.request, { isOurs, until });
      return answer === undefined ? { open: record } : { answer };
    },

    capture: (asked, until) =>
      operate(asked, {
        make: (record) => requestCapture(record, asked.asked),
        isKnown: (payment) => isCaptured(payment, asked.asked.operationId),
        until,
      }),

    refund: (asked, until) =>
      operate(asked, {
        make: (record) => requestRefund(record, asked.asked),
        isKnown: (payment) => isRefunded(payment, asked.asked.operationId),
        until,
      }),

    async void({ orderId, paymentId, request }) {
      const { record, answer, isTaken } = await writer.do({
        of: { orderId },
        request: { ...request, isKnown: () => true },
        ask: (before, now) =>
          before === undefined
            ? closedNow({ orderId, paymentId }, now)
            : before.voidRequested
              ? before
              : putToWork(requestVoid(before), now),
      });
      if (isTaken) {
        driver
          .drive(record!, { isTakeover: true })
          .catch((error) => log.error({ error, orderId }, 'payment.drive_failed'));
      }
      return unwrap(answer!);
    },
  };
}

/** A refusal is an outcome too. */
function isKnown(request: PaymentRequest, record: PaymentRecord): boolean {
  try {
    return request.isKnown(record);
  } catch {
    return true;
  }
}

function nextTurn(): Promise<undefined> {
  return new Promise((resolve) => setImmediate(() => resolve(undefined)));
}

function unwrap(outcome: Outcome<Message>): Message {
  if ('error' in outcome) throw outcome.error;
  return outcome.value;
}
