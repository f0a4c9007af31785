/** Domain to proto and back. */
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { CancelReason, OrderStatus } from '#gen/commerce/order/v1/order_pb.ts';
import type { Order } from './domain.ts';

export function orderToProto(order: Order) {
  const { currency: currencyCode, address } = order;
  return {
    orderId: order.orderId,
    userId: order.userId,
    lines: order.lines.map(({ sku, productId, title, quantity, unitMinor }) => ({
      sku,
      productId,
      title,
      quantity,
      unitPrice: { currencyCode, amountMinor: unitMinor },
    })),
    total: { currencyCode, amountMinor: order.totalMinor },
    status: OrderStatus[order.status],
    cancelReason: CancelReason[order.cancelReason ?? 'UNSPECIFIED'],
    cancelDetail: order.cancelDetail,
    paymentId: order.paymentId ?? '',
    version: order.version,
    createTime: timestampFromMs(order.createdAt),
    updateTime: timestampFromMs(order.updatedAt),
    shippingAddress: {
      recipient: address.recipient,
      lines: [...address.lines],
      city: address.city,
      postalCode: address.postalCode,
      countryCode: address.countryCode,
    },
    trackingCode: order.trackingCode,
  };
}
