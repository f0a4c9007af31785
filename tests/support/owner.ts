/** People who own one of everything that the mesh keeps for a person, made through its public door. */
import type { DescService } from '@bufbuild/protobuf';
import { type Order, OrderService } from '#gen/commerce/order/v1/order_pb.ts';
import {
  NotificationKind,
  NotificationService,
} from '#gen/platform/notification/v1/notification_pb.ts';
import { SessionService } from '#gen/platform/user/v1/session_pb.ts';
import { UserService } from '#gen/platform/user/v1/user_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Shop } from '#services/commerce/order/testing.ts';
import { addIds, type Headers, type Ids, makeBelongings, type Sketch } from './belongings.ts';

/** A person, and all that is theirs. */
export interface Owner {
  id: string;
  headers: Headers;
  /** The things, by the name of the fields that name them: order_id. The first of each is the most telling. */
  names: Readonly<Record<string, readonly (string | Uint8Array)[]>>;
  /** Texts by which any of it would show. */
  traces: string[];
  /** Makes all of it change that may: the first order arrives, another one is bought, something is told. */
  stir(): Promise<void>;
}

/**
 * Signs somebody up and in who owns one of everything: `mark` is in all texts that describe them, and the `quantity` of
 * what they buy makes their amounts known.
 */
export async function createOwner(shop: Shop, mark: string, quantity: bigint): Promise<Owner> {
  const sketch = { mark, quantity, requestId: uuidv7() };
  const { id, headers, ...account } = await signUpAndIn(shop, sketch);
  const addresses = await fillAddressBook(shop, headers, sketch);
  const orders = await buyAll(shop, headers, sketch);
  const asked = { ...shop.asked(), userId: id };
  const { payment: held } = await shop.payments().authorizePayment(asked);
  await announce(shop, id, mark);
  await shop.settle();
  const notifications = await readNotifications(shop, headers, sketch);

  const payments = orders.map(({ paymentId }) => paymentId).filter((paymentId) => paymentId !== '');
  const orderIds = orders.map(({ orderId }) => orderId);
  const ids: Ids = {
    user_id: [id],
    email: [account.email],
    session_id: account.sessions,
    address_id: addresses,
    order_id: [...orderIds, asked.orderId],
    subject_id: orderIds,
    payment_id: [...payments, held!.paymentId],
    notification_id: notifications,
    request_id: [sketch.requestId],
  };
  addIds(ids, await makeBelongings(shop, headers, sketch));
  // The amount with its quotes: a number of some digits may be in any id.
  const total = `"${orders[0]!.total!.amountMinor}"`;
  const traces = [mark, account.phone, total, ...Object.values(ids).flat()];
  const waiting = [orderIds[0]!];
  return {
    id,
    headers,
    names: { ...ids, payload: payments.map(providerEvent) },
    traces,
    async stir() {
      const orderId = waiting.shift()!;
      const at = client(shop, OrderService);
      const trackingCode = parcelOf(sketch);
      await at.shipOrder({ requestId: uuidv7(), orderId, trackingCode }, shop.staff);
      await at.deliverOrder({ requestId: uuidv7(), orderId }, shop.staff);
      const next = await buy(shop, headers, { ...sketch, requestId: uuidv7() });
      waiting.push(next.orderId);
      traces.push(next.orderId, next.paymentId);
      await announce(shop, id, mark);
      await shop.settle();
    },
  };
}

function client<Service extends DescService>({ network }: Shop, service: Service) {
  return network.client(service, 'platform.gateway');
}

async function signUpAndIn(shop: Shop, { mark, quantity, requestId }: Sketch) {
  const users = client(shop, UserService);
  const sessions = client(shop, SessionService);
  const email = `${mark}@example.com`;
  const phone = `+49301234${quantity}`;
  const password = `password of ${mark}`;
  const { user } = await users.createUser({ requestId, email, password, name: mark });
  const { userId } = user!;
  const signIn = async (request: string) => {
    const device = { requestId: request, email, password, deviceName: mark };
    return (await sessions.authenticate(device)).tokens!;
  };
  const used = await signIn(requestId);
  const open = await signIn(uuidv7());
  const ended = await signIn(uuidv7());
  const headers = { authorization: `Bearer ${used.accessToken}` };
  await sessions.signOut({ requestId, sessionId: ended.sessionId }, { headers });
  const updateMask = { paths: ['phone'] };
  await users.updateUser({ requestId, userId, phone, updateMask }, { headers });
  const ids = [open, used, ended].map(({ sessionId }) => sessionId);
  return { id: userId, email, phone, headers, sessions: ids };
}

/** The ids of the entries, of which the last is removed. */
async function fillAddressBook(shop: Shop, headers: Headers, { mark, requestId }: Sketch) {
  const users = client(shop, UserService);
  const entry = { label: mark, postalAddress: postalAddressOf(mark) };
  const add = async (request: string) => {
    const { address } = await users.addAddress({ requestId: request, ...entry }, { headers });
    return address!.addressId;
  };
  const kept = [await add(requestId), await add(uuidv7())];
  const removed = await add(uuidv7());
  await users.updateAddress({ requestId, addressId: kept[0]!, ...entry }, { headers });
  await users.removeAddress({ requestId, addressId: removed }, { headers });
  return [...kept, removed];
}

function postalAddressOf(mark: string) {
  return { recipient: mark, lines: [mark], city: mark, postalCode: '12345', countryCode: 'DE' };
}

async function buy(shop: Shop, headers: Headers, sketch: Sketch, paymentToken = 'tok_visa') {
  const { mark, quantity, requestId } = sketch;
  const sku = await shop.stocked(quantity);
  const shippingAddress = postalAddressOf(mark);
  const request = { requestId, lines: [{ sku, quantity }], paymentToken, shippingAddress };
  return (await client(shop, OrderService).createOrder(request, { headers })).order!;
}

/** Orders in each state in which one rests. */
async function buyAll(shop: Shop, headers: Headers, sketch: Sketch): Promise<Order[]> {
  const { requestId } = sketch;
  const orders = client(shop, OrderService);
  const paid = await buy(shop, headers, sketch);
  const another = (token?: string) => buy(shop, headers, { ...sketch, requestId: uuidv7() }, token);
  const shipped = await another();
  const delivered = await another();
  for (const { orderId } of [shipped, delivered]) {
    const trackingCode = parcelOf(sketch);
    await orders.shipOrder({ requestId: uuidv7(), orderId, trackingCode }, shop.staff);
  }
  const { orderId } = delivered;
  await orders.deliverOrder({ requestId: uuidv7(), orderId }, shop.staff);
  const cancelled = await another();
  await orders.cancelOrder({ requestId, orderId: cancelled.orderId }, { headers });
  const declined = await another('tok_card_declined');
  return [paid, shipped, delivered, cancelled, declined];
}

const parcelOf = ({ requestId }: Sketch) => `parcel ${requestId}`;

async function announce({ network }: Shop, userId: string, mark: string): Promise<void> {
  const as = { service: 'platform.user' };
  const notifications = network.client(NotificationService, 'platform.notification', as);
  await notifications.sendNotification({
    requestId: uuidv7(),
    userId,
    kind: NotificationKind.ANNOUNCEMENT,
    subjectId: uuidv7(),
    parameters: { title: mark, body: mark },
  });
}

/** The ids of an unread one and of one that was read. */
async function readNotifications(shop: Shop, headers: Headers, { requestId }: Sketch) {
  const at = client(shop, NotificationService);
  const { notifications } = await at.listNotifications({}, { headers });
  const ids = notifications.map(({ notificationId }) => notificationId);
  const value = { notificationIds: ids.slice(-1) };
  await at.markRead({ requestId, read: { case: 'ids', value } }, { headers });
  return [ids[0]!, ids.at(-1)!];
}

/** An event that would tell something new of a payment, if the provider had signed it. */
export function providerEvent(paymentId: string): Uint8Array {
  const operation = { key: `${paymentId}:charge`, state: 'voided', amount_minor: '1', code: '' };
  return Buffer.from(JSON.stringify({ id: uuidv7(), data: { ...operation, currency: 'EUR' } }));
}
