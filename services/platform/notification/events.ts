import {
  CancelReasonSchema,
  type Order,
  type OrderChanged,
  OrderStatus,
} from '#gen/commerce/order/v1/order_pb.ts';
import type { PaymentChanged } from '#gen/finance/payment/v1/payment_pb.ts';
import {
  NotificationKind,
  NotificationsAddedSchema,
} from '#gen/platform/notification/v1/notification_pb.ts';
import { event, type OutgoingEvent, PoisonEvent } from '#kit/bus/event.ts';
import { isUuid } from '#kit/ids.ts';
import type { Kind, Notification, Telling } from './domain.ts';

/** Published when people were told something; what, they read themselves. */
export function notificationsAdded(notifications: readonly Notification[]): OutgoingEvent {
  return event(NotificationsAddedSchema, notifications[0]!.userId, {
    added: notifications.map(({ userId, notificationId, kind, position }) => ({
      userId,
      notificationId,
      kind: NotificationKind[kind],
      position,
    })),
  });
}

const orderKinds: Partial<Record<OrderStatus, Kind>> = {
  [OrderStatus.PAID]: 'ORDER_CONFIRMED',
  [OrderStatus.SHIPPED]: 'ORDER_SHIPPED',
  [OrderStatus.DELIVERED]: 'ORDER_DELIVERED',
  [OrderStatus.CANCELLED]: 'ORDER_CANCELLED',
};

/** What a person is told when their order changes. */
export function tellingsOfOrder({ order }: OrderChanged): Telling[] {
  if (order === undefined) throw new PoisonEvent();
  const { orderId, userId, status } = order;
  if (!isUuid(userId)) throw new PoisonEvent();
  const kind = orderKinds[status];
  if (kind === undefined) return [];
  return [{ userId, kind, subjectId: orderId, parameters: parametersOf(order) }];
}

function parametersOf(order: Order): Record<string, string> {
  const { orderId, status, total, trackingCode, cancelReason } = order;
  if (status === OrderStatus.PAID) {
    if (total === undefined) throw new PoisonEvent();
    const { amountMinor, currencyCode } = total;
    return { order_id: orderId, amount_minor: String(amountMinor), currency_code: currencyCode };
  }
  if (status === OrderStatus.SHIPPED) return { order_id: orderId, tracking_code: trackingCode };
  if (status === OrderStatus.CANCELLED) {
    const reason = CancelReasonSchema.value[cancelReason]?.localName ?? 'UNSPECIFIED';
    return { order_id: orderId, reason };
  }
  return { order_id: orderId };
}

/**
 * What a person is told when their payment changes: of refunds that the provider has confirmed, for a promise may come to
 * nothing. Each further one is a subject of its own.
 */
export function tellingsOfPayment({ payment }: PaymentChanged): Telling[] {
  if (payment === undefined) throw new PoisonEvent();
  const { paymentId, orderId, userId, amount, refundConfirmedMinor } = payment;
  // Not refunded, so it may be nobody's: an order that was voided before anybody asked for money.
  if (refundConfirmedMinor === 0n) return [];
  if (amount === undefined || !isUuid(userId)) throw new PoisonEvent();
  return [
    {
      userId,
      kind: 'PAYMENT_REFUNDED',
      subjectId: `${paymentId}:${refundConfirmedMinor}`,
      parameters: {
        payment_id: paymentId,
        order_id: orderId,
        amount_minor: String(refundConfirmedMinor),
        currency_code: amount.currencyCode,
      },
    },
  ];
}
