/** Domain to proto. */
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { ReservationState, StockMovementKind } from '#gen/commerce/inventory/v1/inventory_pb.ts';
import { available, type Reservation, type Stock } from './domain.ts';
import type { KeptMovement } from './store.ts';

export function stockToProto(stock: Stock) {
  const { sku, onHand, reserved, version, updatedAt } = stock;
  return {
    sku,
    onHand,
    reserved,
    available: available(stock),
    version,
    updateTime: timestampFromMs(updatedAt),
  };
}

export function reservationToProto(reservation: Reservation) {
  const { orderId, lines, state, expiresAt } = reservation;
  return {
    orderId,
    lines: lines.map(({ sku, quantity }) => ({ sku, quantity })),
    state: ReservationState[state],
    expireTime: timestampFromMs(expiresAt),
  };
}

export function movementToProto({ sku, kind, delta, onHand, reason, by, createdAt }: KeptMovement) {
  return {
    sku,
    kind: StockMovementKind[kind],
    delta,
    onHand,
    reason,
    staffId: by?.staffId ?? '',
    requestId: by?.requestId ?? '',
    createTime: timestampFromMs(createdAt),
  };
}
