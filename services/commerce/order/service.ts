import { fromBinary } from '@bufbuild/protobuf';
import { InventoryService } from '#gen/commerce/inventory/v1/inventory_pb.ts';
import { OrderChangedSchema, OrderService } from '#gen/commerce/order/v1/order_pb.ts';
import { ProductService } from '#gen/commerce/product/v1/product_pb.ts';
import { PaymentService } from '#gen/finance/payment/v1/payment_pb.ts';
import { implement } from '#kit/rpc/server/handlers.ts';
import type { ServiceModule } from '#kit/service.ts';
import { createWatchHub } from '#kit/streams/watch.ts';
import { createCatalogue } from './catalogue.ts';
import type { Order } from './domain.ts';
import { createOrderRpc } from './rpc.ts';
import { createSagaDriver } from './saga.ts';
import { createSteps } from './steps.ts';
import { createStore } from './store.ts';
import { createOrderWriter } from './writer.ts';

export const order: ServiceModule = {
  name: 'commerce.order',
  migrations: new URL('./migrations/', import.meta.url),
  create({ database, bus, clock, log, client }) {
    const store = createStore(database);
    const writer = createOrderWriter(database, store, clock);
    const doStep = createSteps({
      inventory: client(InventoryService, 'commerce.inventory'),
      payment: client(PaymentService, 'finance.payment'),
    });
    const driver = createSagaDriver({ writer, store, doStep, clock, log });
    const hub = createWatchHub<Order>({
      read: (orderIds) => store.read(orderIds),
      versionOf: ({ version }) => version,
      clock,
    });
    const unlisten = bus.listen(OrderChangedSchema.typeName, (payload) => {
      // The event leaves the address out, so it is a hint to look, not the state itself.
      if (hub.watching > 0) hub.hint(fromBinary(OrderChangedSchema, payload).order!.orderId);
    });
    const catalogue = createCatalogue(client(ProductService, 'commerce.product'));
    return {
      implementations: [
        implement(OrderService, createOrderRpc({ catalogue, writer, driver, store, hub, clock })),
      ],
      jobs: [driver.recovery],
      busy: () => driver.driving,
      async stop() {
        unlisten();
        await driver.stop();
        await writer.idle();
      },
    };
  },
};
