import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import { OrderChangedSchema } from '#gen/commerce/order/v1/order_pb.ts';
import { PaymentChangedSchema } from '#gen/finance/payment/v1/payment_pb.ts';
import {
  LedgerAccountStatusChangedSchema,
  TransactionsChangedSchema,
} from '#gen/finance/transaction/v1/transaction_pb.ts';
import {
  NotificationService,
  NotificationsAddedSchema,
} from '#gen/platform/notification/v1/notification_pb.ts';
import { type Subscription, subscription } from '#kit/bus/consumer.ts';
import type { Tx } from '#kit/db/database.ts';
import { debugPoint } from '#kit/debug.ts';
import { implement } from '#kit/rpc/server/handlers.ts';
import type { ServiceModule } from '#kit/service.ts';
import { createFeedHub } from '#kit/streams/feed.ts';
import { tellingsOfStatus, tellingsOfTransactions } from './bank-events.ts';
import { limits, type Notification, type Telling } from './domain.ts';
import { tellingsOfOrder, tellingsOfPayment } from './events.ts';
import { createNotificationRpc } from './rpc.ts';
import { createStore } from './store.ts';

export const notification: ServiceModule = {
  name: 'platform.notification',
  migrations: new URL('./migrations/', import.meta.url),
  create({ database, bus, clock }) {
    const store = createStore(database);
    const hub = createFeedHub<Notification>({
      name: 'platform.notification.feed',
      read: (asked, limit) => store.readAfter(asked, limit),
      positionOf: ({ position }) => position,
      timeoutMs: limits.feedReadMsMax,
      clock,
    });
    const unlisten = bus.listen(NotificationsAddedSchema.typeName, (payload) => {
      if (hub.following === 0) return;
      const { added } = fromBinary(NotificationsAddedSchema, payload);
      for (const { userId } of added) hub.hint(userId);
    });

    async function tell(tx: Tx, tellings: readonly Telling[]): Promise<void> {
      await store.tell(tx, tellings, clock.now());
      await debugPoint('platform.notification.before-commit');
    }

    /** Tells people what events of a type mean for them. */
    function telling<Schema extends DescMessage>(
      name: string,
      schema: Schema,
      tellingsOf: (message: MessageShape<Schema>) => Telling[],
    ): Subscription {
      return subscription({
        name,
        schema,
        concerns: (message) => tellingsOf(message).length > 0,
        handle: (events, tx) =>
          tell(
            tx,
            events.flatMap(({ message }) => tellingsOf(message)),
          ),
      });
    }

    return {
      implementations: [
        implement(NotificationService, createNotificationRpc({ database, store, hub, clock })),
      ],
      subscriptions: [
        telling('orders', OrderChangedSchema, tellingsOfOrder),
        telling('transactions', TransactionsChangedSchema, tellingsOfTransactions),
        telling('accounts', LedgerAccountStatusChangedSchema, tellingsOfStatus),
        telling('payments', PaymentChangedSchema, tellingsOfPayment),
      ],
      async stop() {
        unlisten();
      },
    };
  },
};
