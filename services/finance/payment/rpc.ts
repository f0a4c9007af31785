import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import {
  type AuthorizePaymentRequest,
  AuthorizePaymentResponseSchema,
  type CapturePaymentRequest,
  CapturePaymentResponseSchema,
  PaymentService,
  type ProcessPaymentRequest,
  ProcessPaymentRequestSchema,
  ProcessPaymentResponseSchema,
  type RefundPaymentRequest,
  RefundPaymentResponseSchema,
  VoidPaymentResponseSchema,
} from '#gen/finance/payment/v1/payment_pb.ts';
import type { Clock } from '#kit/clock.ts';
import { type RequestKey, requestKey } from '#kit/db/request-key.ts';
import { uuidOf } from '#kit/derived-id.ts';
import { isStaff } from '#kit/identity/caller.ts';
import { uuidv7 } from '#kit/ids.ts';
import { batchResults } from '#kit/load/batch.ts';
import type { Coalescer } from '#kit/load/coalesce.ts';
import { cutPage, decodeIdToken, encodePageToken } from '#kit/page.ts';
import type { Call } from '#kit/rpc/server/call.ts';
import type { Handlers } from '#kit/rpc/server/handlers.ts';
import type { Beginning } from './beginner.ts';
import { requestIdOf, shopAccountId, transactionIdOf } from './domain/books.ts';
import { begunNow, type PaymentRecord } from './domain/record.ts';
import { isSettled } from './domain/requests.ts';
import { originOf } from './domain/work.ts';
import { limits, PaymentNotFound, ProviderUnavailable } from './domain.ts';
import type { OperationAsked, Payments } from './payments.ts';
import { paymentToProto, settlementToProto } from './proto.ts';
import { readEvent } from './provider-wire.ts';
import type { Settlements } from './store/settlements.ts';
import type { PaymentWriter } from './writer.ts';

export interface RpcDeps {
  payments: Payments;
  writer: PaymentWriter;
  /** Reads payments, by their own ids or by those of their orders. */
  reads: Coalescer<string, PaymentRecord | undefined>;
  readsByOrder: Coalescer<string, PaymentRecord | undefined>;
  settlements: Pick<Settlements, 'list'>;
  clock: Clock;
  webhookSecret: string;
}

export function createPaymentRpc(deps: RpcDeps): Handlers<typeof PaymentService> {
  const { payments, writer, reads, readsByOrder, settlements, clock, webhookSecret } = deps;

  /** A payment as a request describes it, ready to begin. */
  function beginning(
    asked: ProcessPaymentRequest | AuthorizePaymentRequest,
    { key, response }: { key: RequestKey; response: DescMessage },
  ): Beginning {
    const { amount, paymentToken, account } = asked;
    const currency = amount!.currencyCode;
    const now = clock.now();
    const paymentId = uuidv7(now);
    const intent = response === AuthorizePaymentResponseSchema ? 'AUTHORIZE' : 'CHARGE';
    const payment = {
      paymentId,
      orderId: asked.orderId,
      userId: asked.userId,
      currency,
      amountMinor: amount!.amountMinor,
      intent,
      token: paymentToken || undefined,
      account: account && {
        accountId: account.accountId.toLowerCase(),
        payeeAccountId: account.payeeAccountId.toLowerCase() || shopAccountId(currency),
        transactionId: transactionIdOf(
          'AuthorizeTransaction',
          requestIdOf(originOf({ paymentId, intent })),
        ),
      },
      request: { key: uuidOf(key.scope, key.requestId), hash: key.hash },
    } as const;
    const record = begunNow(payment, now);
    return { record, request: { key, response, isKnown: isSettled } };
  }

  async function begin<Response extends DescMessage>(
    asked: ProcessPaymentRequest | AuthorizePaymentRequest,
    call: Call,
    response: Response,
  ): Promise<MessageShape<Response>> {
    const begun = beginning(asked, { key: requestKey(call, asked), response });
    const found = await within(call, (until) => payments.begin(begun, until));
    if ('open' in found) throw new ProviderUnavailable();
    return found.answer as MessageShape<Response>;
  }

  async function operate<Response extends DescMessage>(
    operation: 'capture' | 'refund',
    asked: CapturePaymentRequest | RefundPaymentRequest,
    call: Call,
    response: Response,
  ): Promise<MessageShape<Response>> {
    const key = requestKey(call, asked);
    const full: OperationAsked = {
      paymentId: asked.paymentId,
      asked: {
        operationId: uuidOf(key.scope, key.requestId),
        amountMinor: asked.amountMinor,
        reason: 'reason' in asked ? asked.reason : '',
        requestHash: key.hash.toString('hex'),
      },
      request: { key, response },
    };
    const answer = await within(call, (until) => payments[operation](full, until));
    if (answer === undefined) throw new ProviderUnavailable();
    return answer as MessageShape<Response>;
  }

  return {
    async getPayment({ key }, call) {
      const id = key.value!;
      const isOrder = key.case === 'orderId';
      const record = await (isOrder ? readsByOrder : reads).do(id);
      const { user } = call.caller;
      const maySee = user === undefined || isStaff(user) || record?.userId === user.id;
      if (record === undefined || !maySee) {
        throw new PaymentNotFound(isOrder ? { order_id: id } : { payment_id: id });
      }
      return { payment: paymentToProto(record) };
    },

    processPayment: (asked, call) => begin(asked, call, ProcessPaymentResponseSchema),

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

    authorizePayment: (asked, call) => begin(asked, call, AuthorizePaymentResponseSchema),

    capturePayment: (asked, call) => operate('capture', asked, call, CapturePaymentResponseSchema),

    voidPayment: (asked, call) => {
      const { orderId } = asked;
      const request = { key: requestKey(call, asked), response: VoidPaymentResponseSchema };
      const answer = payments.void({ orderId, paymentId: uuidv7(clock.now()), request });
      return answer as Promise<MessageShape<typeof VoidPaymentResponseSchema>>;
    },

    refundPayment: (asked, call) => operate('refund', asked, call, RefundPaymentResponseSchema),

    async listSettlements({ pageSize, pageToken }) {
      const query = ['ListSettlements'];
      const before = decodeIdToken(query, pageToken);
      const size = pageSize || limits.pageDefault;
      const found = await settlements.list(before, size + 1);
      const { page, nextPageToken } = cutPage(found, size, (last) =>
        encodePageToken(query, [last.settlementId]),
      );
      return { settlements: page.map(settlementToProto), nextPageToken };
    },

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
  const budgetMs = call.deadlineAt - Date.now();
  const reserveMs = Math.max(limits.answerReserveMs, budgetMs * limits.answerReserveShare);
  let timer: NodeJS.Timeout | undefined;
  const until = new Promise((resolve) => {
    timer = setTimeout(resolve, Math.max(0, Math.min(budgetMs - reserveMs, waitMs)));
  });
  try {
    return await work(until);
  } finally {
    clearTimeout(timer);
  }
}
