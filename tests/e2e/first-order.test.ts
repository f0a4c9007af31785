import { Code } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InventoryService } from '#gen/commerce/inventory/v1/inventory_pb.ts';
import { CancelReason, OrderStatus } from '#gen/commerce/order/v1/order_pb.ts';
import {
  type Notification,
  NotificationKind,
} from '#gen/platform/notification/v1/notification_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import { openInbox } from '#tools/demo/inbox.ts';
import { placements } from '#tools/mesh/placements.ts';
import { startTestMesh, type TestMesh } from '../support/mesh.ts';
import { newShopper, putOnSale, type Shopper } from '../support/shopper.ts';

/** Milliseconds; streams that nobody wakes look for themselves after 15 s, which would be too late. */
const toldMsMax = 10_000;

describe.each(placements)('placement %s', (placement) => {
  let mesh: TestMesh;
  beforeAll(async () => {
    mesh = await startTestMesh(placement);
  });
  afterAll(() => mesh?.stop());

  const url = () => `http://${mesh.addressOf('platform.gateway')}`;
  const doors = [
    ['gRPC', () => createGrpcTransport({ baseUrl: url() })],
    ['gRPC-Web', () => createGrpcWebTransport({ baseUrl: url(), httpVersion: '1.1' })],
    ['Connect', () => createConnectTransport({ baseUrl: url(), httpVersion: '1.1' })],
  ] as const;

  test.each(doors)('a stranger signs up and buys over %s', async (_, door) => {
    const sku = await putOnSale(mesh, 2n);
    const shopper = await newShopper(door());
    const { notifications, headers } = shopper;
    const open = { headers, timeoutMs: toldMsMax };
    const inbox = await openInbox(notifications.streamNotifications({}, open));
    const requestId = uuidv7();
    const paid = await shopper.buy(sku, 'tok_visa', requestId);
    expect(paid).toMatchObject({ status: OrderStatus.PAID, total: { amountMinor: 2_500n } });
    expect(await shopper.buy(sku, 'tok_visa', requestId)).toEqual(paid);
    const declined = await shopper.buy(sku, 'tok_expired_card');
    expect(declined).toMatchObject({
      status: OrderStatus.CANCELLED,
      cancelReason: CancelReason.PAYMENT_DECLINED,
      cancelDetail: 'expired_card',
    });
    const inventory = mesh.client(InventoryService, 'commerce.inventory');
    await expect
      .poll(async () => (await inventory.getStock({ sku })).stock)
      .toMatchObject({ onHand: 1n, reserved: 0n, available: 1n });
    await expectTold(shopper, await inbox.read(2), [
      [NotificationKind.ORDER_CONFIRMED, paid.orderId],
      [NotificationKind.ORDER_CANCELLED, declined.orderId],
    ]);
    await inbox.close();
    await expectWatched(shopper, paid.orderId);
    await expectRefused(shopper);
  });
});

/** What arrived is told of each order once, and is the list, all of it unread until it is marked. */
async function expectTold(
  { notifications, headers }: Shopper,
  arrived: readonly Notification[],
  told: [NotificationKind, string][],
): Promise<void> {
  expect(arrived.map(({ kind, subjectId }) => [kind, subjectId]).sort()).toEqual(told.sort());
  const list = await notifications.listNotifications({}, { headers });
  expect(list.notifications).toEqual(arrived.toReversed());
  expect(await notifications.getUnreadCount({}, { headers })).toMatchObject({
    unreadCount: told.length,
  });
  const ids = { notificationIds: [arrived[0]!.notificationId] };
  const request = { requestId: uuidv7(), read: { case: 'ids' as const, value: ids } };
  expect(await notifications.markRead(request, { headers })).toMatchObject({
    unreadCount: told.length - 1,
  });
}

/** The stream of an order begins with how it is. */
async function expectWatched({ orders, headers }: Shopper, orderId: string): Promise<void> {
  for await (const { order } of orders.watchOrder({ orderId }, { headers })) {
    expect(order!.status).toBe(OrderStatus.PAID);
    break;
  }
}

async function expectRefused({ orders, headers }: Shopper): Promise<void> {
  const requestId = uuidv7();
  const ship = orders.shipOrder({ requestId, orderId: uuidv7() }, { headers });
  await expect(ship).rejects.toMatchObject({ code: Code.PermissionDenied });
  const anonymous = orders.listOrders({});
  await expect(anonymous).rejects.toMatchObject({ code: Code.Unauthenticated });
  const forged = orders.listOrders({}, { headers: { authorization: `${headers.authorization}x` } });
  await expect(forged).rejects.toMatchObject({ code: Code.Unauthenticated });
}
