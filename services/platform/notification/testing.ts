/** Events of other services and people who are told of them, for this service's own tests. */
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  CancelReason,
  type Order,
  OrderChangedSchema,
  OrderSchema,
  OrderStatus,
} from '#gen/commerce/order/v1/order_pb.ts';
import { PaymentChangedSchema, type PaymentSchema } from '#gen/finance/payment/v1/payment_pb.ts';
import {
  type Notification,
  NotificationService,
} from '#gen/platform/notification/v1/notification_pb.ts';
import { connectBus, toHeaders } from '#kit/bus/bus.ts';
import type { WireEvent } from '#kit/bus/event.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Network, Person } from '#kit/testing/network.ts';

export const { PENDING, CONFIRMED, PAID, SHIPPED, DELIVERED, CANCELLED } = OrderStatus;

export function orderOf(userId: string, status: OrderStatus): Order {
  return create(OrderSchema, {
    orderId: uuidv7(),
    userId,
    status,
    total: { currencyCode: 'EUR', amountMinor: 123_456n },
    cancelReason: status === CANCELLED ? CancelReason.OUT_OF_STOCK : CancelReason.UNSPECIFIED,
    trackingCode: status === SHIPPED ? 'DE123' : '',
  });
}

function wireEvent(type: string, payload: Uint8Array, id: string): WireEvent {
  return { id, type, key: 'key', payload, traceparent: undefined, createdAt: Date.now() };
}

export function orderChanged(order: Order, id = uuidv7()): WireEvent {
  const payload = toBinary(OrderChangedSchema, create(OrderChangedSchema, { order }));
  return wireEvent(OrderChangedSchema.typeName, payload, id);
}

/** A payment of which parts were given back, or are to be, in minor units. */
export function paymentOf(
  { userId, orderId }: Order,
  paymentId: string,
  { promised = 0n, done = 0n }: { promised?: bigint; done?: bigint } = {},
) {
  const amount = { currencyCode: 'EUR', amountMinor: 123_456n };
  const refunded = { refundedMinor: done + promised, refundConfirmedMinor: done };
  return { paymentId, userId, orderId, amount, ...refunded };
}

export function paymentChanged(payment: MessageInitShape<typeof PaymentSchema>): WireEvent {
  const message = create(PaymentChangedSchema, { payment });
  return wireEvent(
    PaymentChangedSchema.typeName,
    toBinary(PaymentChangedSchema, message),
    uuidv7(),
  );
}

/** The bus of a network, past its memory of message ids: what is sent is delivered, each time. */
export async function openBus(network: Network, natsUrl: string) {
  // A network names its database and its part of the bus alike.
  const namespace = new URL(network.databaseUrl).pathname.slice(1);
  const bus = await connectBus({ url: natsUrl, namespace, name: 'test' });
  return {
    async send(...events: WireEvent[]): Promise<void> {
      for (const event of events) {
        await bus.js.publish(bus.subject(event.type), event.payload, {
          headers: toHeaders(event),
          msgID: uuidv7(),
        });
      }
    },
    close: () => bus.close(),
  };
}

/** A new person, or one who is known from another process. */
export async function personOf(network: Network, known?: Pick<Person, 'id' | 'headers'>) {
  const { id, headers } = known ?? (await network.person());
  const client = network.client(NotificationService, 'platform.notification');
  const list = async (request: { unreadOnly?: boolean; locale?: string } = {}) =>
    (await client.listNotifications({ pageSize: 100, ...request }, { headers })).notifications;
  return {
    id,
    client,
    headers,
    list,
    titles: async (request = {}) => (await list(request)).map(({ title }) => title),
    unread: async () => (await client.getUnreadCount({}, { headers })).unreadCount,
    markRead: (...read: Notification[]) => {
      const notificationIds = read.map(({ notificationId }) => notificationId);
      const ids = { case: 'ids' as const, value: { notificationIds } };
      return client.markRead({ requestId: uuidv7(), read: ids }, { headers });
    },
  };
}

export type TestPerson = Awaited<ReturnType<typeof personOf>>;
