import { OrderChangedSchema } from '#gen/commerce/order/v1/order_pb.ts';
import { event, type OutgoingEvent } from '#kit/bus/event.ts';
import type { Order } from './domain.ts';
import { orderToProto } from './proto.ts';

/** Published once for each change of an order's status. Where it goes is nobody's business but the shop's. */
export function orderChanged(order: Order): OutgoingEvent {
  const { shippingAddress: _, ...rest } = orderToProto(order);
  return event(OrderChangedSchema, order.orderId, { order: rest });
}
