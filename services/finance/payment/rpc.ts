import type { DescMessage, Message } from '@bufbuild/protobuf';
import {
  type AuthorizePaymentRequest,
  AuthorizePaymentResponseSchema,
  type CapturePaymentRequest,
  PaymentService,
  type ProcessPaymentRequest,
  ProcessPaymentRequestSchema,
  ProcessPaymentResponseSchema,
  type RefundPaymentRequest,
  VoidPaymentResponseSchema,
} from '#gen/finance/payment/v1/payment_pb.ts';
import { batchResults } from '#kit/batch.ts';
import type { Clock } from '#kit/clock.ts';
import type { Coalescer } from '#kit/coalesce.ts';
import { type RequestKey, requestKey } from '#kit/db/request-log.ts';
import { isStaff } from '#kit/identity/caller.ts';
import { uuidOf, uuidv7 } from '#kit/ids.ts';
import { FieldsInvalid } from '#kit/mesh-errors.ts';
import type { Call } from '#kit/rpc/call.ts';
import type { Handlers } from '#kit/rpc/handlers.ts';
import type { Beginning } from './beginner.ts';
import { limits, PaymentNotFound, ProviderUnavailable } from './domain.ts';
import type { OperationAsked, Payments } from './payments.ts';
import { paymentToProto } from './proto.ts';
import { readEvent } from './provider-wire.ts';
import { isSettled } from './requests.ts';
import type { PaymentRecord } from './store.ts';
import { idle, taken } from './work.ts';
import type { PaymentWriter } from './writer.ts';

export interface RpcDeps {
  payments: Payments;
  writer: PaymentWriter;
  /** Reads payments, by their own ids or by those of their orders. */
  reads: Coalescer<string, PaymentRecord | undefined>;
  readsByOrder: Coalescer<string, PaymentRecord | undefined>;
  clock: Clock;
  webhookSecret: string;
}

export function createPaymentRpc(deps: RpcDeps): Handlers<typeof PaymentService> {
  const { payments, writer, reads, readsByOrder, clock, webhookSecret } = deps;

  /** A payment as a request describes it, ready to begin. */
  function beginning(
    asked: ProcessPaymentRequest | AuthorizePaymentRequest,
    { key, response }: { key: RequestKey; response: DescMessage },
  ): Beginning {
    const { amount, paymentToken } = asked;
    const now = clock.now();
    const record: PaymentRecord = {
      paymentId: uuidv7(now),
      orderId: asked.orderId.toLowerCase(),
      userId: asked.userId.toLowerCase(),
      currency: amount!.currencyCode,
      amountMinor: positive(amount!.amountMinor),
      intent: response === AuthorizePaymentResponseSchema ? 'AUTHORIZE' : 'CHARGE',
      status: 'PROCESSING',
      authorizedMinor: 0n,
      capturedMinor: 0n,
      declineCode: '',
      voidRequested: false,
      isReleased: false,
      operations: [],
      version: 1n,
      token: paymentToken,
      request: { key: uuidOf(key.scope, key.requestId), hash: key.hash },
      work: taken(idle, now),
      createdAt: now,
      updatedAt: now,
    };
    return { record, request: { key, response, isKnown: isSettled } };
  }

  async function begin(
    asked: ProcessPaymentRequest | AuthorizePaymentRequest,
    call: Call,
    response: DescMessage,
  ): Promise<Message> {
    const begun = beginning(asked, { key: requestKey(call, asked), response });
    const found = await within(call, (until) => payments.begin(begun, until));
    if ('open' in found) throw new ProviderUnavailable();
    return found.answer;
  }

  async function operate(
    operation: 'capture' | 'refund',
    asked: CapturePaymentRequest | RefundPaymentRequest,
    call: Call,
  ): Promise<Message> {
    const key = requestKey(call, asked);
    const full: OperationAsked = {
      paymentId: asked.paymentId.toLowerCase(),
      asked: {
        operationId: uuidOf(key.scope, key.requestId),
        amountMinor: asked.amountMinor,
        reason: 'reason' in asked ? asked.reason : '',
        requestHash: key.hash.toString('hex'),
      },
      request: { key, response: call.method.output },
    };
    const answer = await within(call, (until) => payments[operation](full, until));
    if (answer === undefined) throw new ProviderUnavailable();
    return answer;
  }

  return {
    async getPayment({ key }, call) {
      const id = (key.value ?? '').toLowerCase();
      const record = await (key.case === 'orderId' ? readsByOrder : reads).do(id);
      const { user } = call.caller;
      const maySee = user === undefined || isStaff(user) || record?.userId === user.id;
      if (record === undefined || !maySee) throw new PaymentNotFound({ payment_id: id });
      return { payment: paymentToProto(record) };
    },

    processPayment: (asked, call) => begin(asked, call, ProcessPaymentResponseSchema) as never,

    async batchProcessPayments({ requests, settleMs }, call) {
      const waitMs = settleMs || limits.settleMsDefault;
      const process = (asked: ProcessPaymentRequest, until: Promise<unknown>) => {
        const key = requestKey(call, asked, ProcessPaymentRequestSchema);
        const begun = beginning(asked, { key, response: ProcessPaymentResponseSchema });
        return payments.begin(begun, until);
      };
      const results = await within(
        call,
        (until) =>
          batchResults(PaymentService, requests, async (asked) => {
            const found = await process(asked, until);
            return 'open' in found ? { payment: paymentToProto(found.open) } : found.answer;
          }),
        waitMs,
      );
      return { results };
    },

    authorizePayment: (asked, call) => begin(asked, call, AuthorizePaymentResponseSchema) as never,

    capturePayment: (asked, call) => operate('capture', asked, call) as never,

    voidPayment: (asked, call) => {
      const orderId = asked.orderId.toLowerCase();
      const request = { key: requestKey(call, asked), response: VoidPaymentResponseSchema };
      return payments.void({ orderId, paymentId: uuidv7(clock.now()), request }) as never;
    },

    refundPayment: (asked, call) => operate('refund', asked, call) as never,

    async handleProviderEvent(event) {
      const { eventId, fact } = readEvent(event, { secret: webhookSecret, now: clock.now() });
      const told = { ...fact, source: 'EVENT' as const, eventId };
      await writer.do({ of: { paymentId: fact.paymentId }, facts: [told] });
      return {};
    },
  };
}

/** Waits as long as the caller's budget allows, and at most `waitMs`. */
async function within<Result>(
  call: Call,
  work: (until: Promise<unknown>) => Promise<Result>,
  waitMs: number = Number.POSITIVE_INFINITY,
): Promise<Result> {
  const leftMs = call.deadlineAt - Date.now() - limits.answerReserveMs;
  let timer: NodeJS.Timeout | undefined;
  const until = new Promise((resolve) => {
    timer = setTimeout(resolve, Math.max(0, Math.min(leftMs, waitMs)));
  });
  try {
    return await work(until);
  } finally {
    clearTimeout(timer);
  }
}

function positive(amountMinor: bigint): bigint {
  if (amountMinor > 0n && amountMinor <= limits.amountMinorMax) return amountMinor;
  const description = `must be positive and at most ${limits.amountMinorMax}`;
  throw new FieldsInvalid([{ field: 'amount.amount_minor', description }]);
}
