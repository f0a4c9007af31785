/** The calls that a saga makes: each asks another service for one step of many orders at once. */

import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type {
  InventoryService,
  ReserveStockRequestSchema,
  ReserveStockResponse,
} from '#gen/commerce/inventory/v1/inventory_pb.ts';
import type { Payment, ProcessPaymentRequestSchema } from '#gen/finance/payment/v1/payment_pb.ts';
import { type PaymentService, PaymentStatus } from '#gen/finance/payment/v1/payment_pb.ts';
import { debugPoint } from '#kit/debug.ts';
import { assert, RpcError } from '#kit/errors.ts';
import { batchOutcomes } from '#kit/load/batch.ts';
import { createCoalescer } from '#kit/load/coalesce.ts';
import type { Client } from '#kit/rpc/client/client.ts';
import type { OrderEvent } from './domain/reducer.ts';
import { isPaymentOverdue, limits } from './domain.ts';
import type { Saga } from './store.ts';

/**
 * The step cannot be done now: its outcome is unknown, the other service is away, or somebody else has moved the order
 * and its row says so. It is looked at again, and repeated if it is still the one to do.
 */
export class Later extends Error {}

/**
 * Does the step that the row of an order names, once, and says what came of it. Every call carries the order's own id as
 * its request id, so a step may be done any number of times, by anybody. Throws Later.
 */
export type DoStep = (saga: Saga, now: number) => Promise<OrderEvent>;

export function createSteps(clients: {
  inventory: Client<typeof InventoryService>;
  payment: Client<typeof PaymentService>;
}): DoStep {
  const { inventory, payment } = clients;
  const options = {
    timeoutMs: limits.callMsMax,
    itemsMax: limits.callBatchMax,
    batchesMax: limits.callsMax,
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

  async function reserve({ order }: Saga, now: number): Promise<OrderEvent> {
    const { orderId } = order;
    const lines = order.lines.map(({ sku, quantity }) => ({ sku, quantity }));
    let reserved: ReserveStockResponse;
    try {
      reserved = await reservations.do({ requestId: orderId, orderId, lines });
    } catch (error) {
      const reason = refusalOf(error);
      if (reason === 'INSUFFICIENT_STOCK' || reason === 'SKU_NOT_FOUND') {
        return { kind: 'stock_refused', detail: (error as RpcError).metadata.sku ?? '' };
      }
      throw new Later('reserve', { cause: error });
    }
    await debugPoint('commerce.order.after-reserve');
    // A step that is repeated hears the first answer again, however long ago that was: nobody is charged for stock that
    // others may have bought since.
    const isOver = timestampMs(reserved.reservation!.expireTime!) <= now;
    return { kind: isOver ? 'reservation_lost' : 'reserved' };
  }

  async function pay(saga: Saga, now: number): Promise<OrderEvent> {
    const { orderId, userId, currency, totalMinor } = saga.order;
    if (isPaymentOverdue(saga.order, now)) return giveUp(orderId);
    let paid: Payment | undefined;
    try {
      const answer = await payments.do({
        requestId: orderId,
        orderId,
        userId,
        amount: { currencyCode: currency, amountMinor: totalMinor },
        paymentToken: saga.paymentToken,
        account: saga.accountId === undefined ? undefined : { accountId: saga.accountId },
      });
      paid = answer.payment;
    } catch (error) {
      throw new Later('pay', { cause: error });
    }
    await debugPoint('commerce.order.after-payment');
    const told = toldBy(paid);
    if (told === undefined) throw new Later('the payment is not settled, or undone already');
    return told;
  }

  /** Begins no payment any more, but what was paid while nobody looked is paid. */
  async function giveUp(orderId: string): Promise<OrderEvent> {
    const key = { case: 'orderId' as const, value: orderId };
    const found = await payment.getPayment({ key }).catch(() => undefined);
    return toldBy(found?.payment) ?? { kind: 'payment_timed_out' };
  }

  async function commit({ order }: Saga): Promise<OrderEvent> {
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
    const { step } = saga.order;
    assert(step !== 'DONE', 'a saga that is done has no step left');
    switch (step) {
      case 'RESERVE':
        return reserve(saga, now);
      case 'PAY':
        return pay(saga, now);
      case 'COMMIT':
        return commit(saga);
      case 'COMPENSATE':
        return compensate(saga);
    }
  };
}

/** What a payment says to its order; undefined while it is open, and when it was undone. */
function toldBy(payment: Payment | undefined): OrderEvent | undefined {
  const { paymentId = '', declineCode: detail = '' } = payment ?? {};
  if (payment?.status === PaymentStatus.CAPTURED) return { kind: 'paid', paymentId };
  if (payment?.status !== PaymentStatus.DECLINED) return undefined;
  return { kind: 'payment_declined', paymentId, detail };
}

/** Why a service refused; empty for a failure that says nothing about the request. */
function refusalOf(error: unknown): string {
  return error instanceof RpcError ? error.reason : '';
}
