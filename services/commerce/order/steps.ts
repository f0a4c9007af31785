/** The calls that a saga makes: each asks another service for one step of many orders at once. */

import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  InventoryService,
  ReserveStockRequestSchema,
} from '#gen/commerce/inventory/v1/inventory_pb.ts';
import type { Payment, ProcessPaymentRequestSchema } from '#gen/finance/payment/v1/payment_pb.ts';
import { type PaymentService, PaymentStatus } from '#gen/finance/payment/v1/payment_pb.ts';
import { debugPoint } from '#kit/debug.ts';
import { RpcError } from '#kit/errors.ts';
import { batchOutcomes } from '#kit/load/batch.ts';
import { createCoalescer } from '#kit/load/coalesce.ts';
import type { Client } from '#kit/rpc/client.ts';
import { limits, type OrderEvent } from './domain.ts';
import type { Saga } from './store.ts';

/** The step cannot be done now: its outcome is unknown, or the other service is away. It is repeated. */
export class Later extends Error {}

/**
 * Does the step that the row of an order names, once, and says what came of it; undefined when the order must be looked
 * at again, because somebody else has moved it. Every call carries the order's own id as its request id, so a step may
 * be done any number of times, by anybody. Throws Later.
 */
export type DoStep = (saga: Saga, now: number) => Promise<OrderEvent | undefined>;

const callMsMax = 5_000;
const callsAtOnceMax = 8;

export function createSteps(clients: {
  inventory: Client<typeof InventoryService>;
  payment: Client<typeof PaymentService>;
}): DoStep {
  const { inventory, payment } = clients;
  const options = {
    timeoutMs: callMsMax,
    itemsMax: limits.callBatchMax,
    batchesMax: callsAtOnceMax,
  };

  const reservations = createCoalescer({
    ...options,
    name: 'commerce.order.reserve',
    run: async (requests: MessageInitShape<typeof ReserveStockRequestSchema>[]) =>
      batchOutcomes((await inventory.batchReserveStock({ requests })).results),
  });
  const payments = createCoalescer({
    ...options,
    name: 'commerce.order.pay',
    run: async (requests: MessageInitShape<typeof ProcessPaymentRequestSchema>[]) => {
      const { settleMs } = limits;
      return batchOutcomes((await payment.batchProcessPayments({ requests, settleMs })).results);
    },
  });
  const commits = createCoalescer({
    ...options,
    name: 'commerce.order.commit',
    run: async (orderIds: string[]) => {
      const requests = orderIds.map((orderId) => ({ requestId: orderId, orderId }));
      return batchOutcomes((await inventory.batchCommitReservations({ requests })).results);
    },
  });

  async function reserve({ order }: Saga): Promise<OrderEvent | undefined> {
    const { orderId } = order;
    const lines = order.lines.map(({ sku, quantity }) => ({ sku, quantity }));
    try {
      await reservations.do({ requestId: orderId, orderId, lines });
    } catch (error) {
      const reason = refusalOf(error);
      if (reason === 'INSUFFICIENT_STOCK' || reason === 'SKU_NOT_FOUND') {
        return { kind: 'stock_refused', detail: (error as RpcError).metadata.sku ?? '' };
      }
      // Released before it was held: somebody cancelled the order, and the row says so.
      if (reason === 'RESERVATION_NOT_ACTIVE') return undefined;
      throw new Later('reserve', { cause: error });
    }
    await debugPoint('commerce.order.after-reserve');
    return { kind: 'reserved' };
  }

  async function pay({ order, paymentToken }: Saga, now: number): Promise<OrderEvent | undefined> {
    if (now - order.createdAt > limits.paymentMsMax) return { kind: 'payment_timed_out' };
    const { orderId, userId, currency, totalMinor } = order;
    let paid: Payment | undefined;
    try {
      const answer = await payments.do({
        requestId: orderId,
        orderId,
        userId,
        amount: { currencyCode: currency, amountMinor: totalMinor },
        paymentToken,
      });
      paid = answer.payment;
    } catch (error) {
      // Voided before it was paid: somebody cancelled the order, and the row says so.
      if (refusalOf(error) === 'PAYMENT_VOIDED') return undefined;
      throw new Later('pay', { cause: error });
    }
    await debugPoint('commerce.order.after-payment');
    const { paymentId = '', declineCode: detail = '' } = paid ?? {};
    switch (paid?.status) {
      case PaymentStatus.CAPTURED:
        return { kind: 'paid', paymentId };
      case PaymentStatus.DECLINED:
        return { kind: 'payment_declined', paymentId, detail };
      case PaymentStatus.VOIDED:
      case PaymentStatus.REFUNDED:
        return undefined;
      default:
        throw new Later('the payment is not settled yet');
    }
  }

  async function commit({ order }: Saga): Promise<OrderEvent | undefined> {
    try {
      await commits.do(order.orderId);
    } catch (error) {
      const reason = refusalOf(error);
      const isLost = reason === 'RESERVATION_NOT_ACTIVE' || reason === 'RESERVATION_NOT_FOUND';
      if (isLost) return { kind: 'reservation_lost' };
      throw new Later('commit', { cause: error });
    }
    await debugPoint('commerce.order.after-commit');
    return { kind: 'committed' };
  }

  async function compensate({ order: { orderId } }: Saga): Promise<OrderEvent> {
    const request = { requestId: orderId, orderId };
    try {
      // Stock first: it needs nobody but us, and others wait for it while a provider may be away.
      await inventory.releaseStock(request);
      await debugPoint('commerce.order.after-release');
      await payment.voidPayment(request);
      await debugPoint('commerce.order.after-void');
    } catch (error) {
      throw new Later('compensate', { cause: error });
    }
    return { kind: 'compensated' };
  }

  return async (saga, now) => {
    switch (saga.order.step) {
      case 'RESERVE':
        return reserve(saga);
      case 'PAY':
        return pay(saga, now);
      case 'COMMIT':
        return commit(saga);
      case 'COMPENSATE':
        return compensate(saga);
      case 'DONE':
        return undefined;
    }
  };
}

/** Why a service refused; empty for a failure that says nothing about the request. */
function refusalOf(error: unknown): string {
  return error instanceof RpcError ? error.reason : '';
}
