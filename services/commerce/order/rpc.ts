import type { DescMessage, Message, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import {
  CancelOrderResponseSchema,
  CreateOrderResponseSchema,
  DeliverOrderResponseSchema,
  type OrderService,
  ShipOrderResponseSchema,
} from '#gen/commerce/order/v1/order_pb.ts';
import type { Clock } from '#kit/clock.ts';
import { requestKey } from '#kit/db/request-key.ts';
import { DomainError } from '#kit/errors.ts';
import { isStaff, type User } from '#kit/identity/caller.ts';
import { uuidv7 } from '#kit/ids.ts';
import { createAdmission } from '#kit/load/admission.ts';
import { Overloaded } from '#kit/mesh-errors.ts';
import { cutPage, decodeIdToken, encodePageToken } from '#kit/page.ts';
import { type Call, userOf } from '#kit/rpc/server/call.ts';
import type { Handlers } from '#kit/rpc/server/handlers.ts';
import type { WatchHub } from '#kit/streams/watch.ts';
import { within } from '#kit/within.ts';
import { createOrderKey } from './batch.ts';
import type { Catalogue } from './catalogue.ts';
import { priceLines } from './domain/pricing.ts';
import type { OrderEvent } from './domain/reducer.ts';
import {
  countThatFit,
  isFinal,
  limits,
  NotYourOrders,
  type Order,
  OrderInProgress,
  OrderNotFound,
} from './domain.ts';
import { orderToProto } from './proto.ts';
import type { SagaDriver } from './saga.ts';
import type { Saga, Store } from './store.ts';
import type { Beginning, Command, OrderWriter } from './writer.ts';

export interface RpcDeps {
  catalogue: Catalogue;
  writer: OrderWriter;
  driver: SagaDriver;
  store: Store;
  hub: WatchHub<Order>;
  clock: Clock;
}

type CreateOrderRequest = Parameters<Handlers<typeof OrderService>['createOrder']>[0];
type Asked = Message & { requestId: string; orderId: string };

export function createOrderRpc(deps: RpcDeps): Handlers<typeof OrderService> {
  const { catalogue, writer, driver, store, hub, clock } = deps;
  const admission = createAdmission('commerce.order.admission');

  async function begin(request: CreateOrderRequest, call: Call): Promise<Command> {
    const userId = userOf(call).id;
    const { hash: requestHash, entry } = requestKey(call, request);
    const { requestId } = request;
    const paymentToken = request.paymentToken || undefined;
    const accountId = request.accountId || undefined;
    const key = createOrderKey({ userId, requestId, requestHash });
    const answer = { key: { ...key, entry }, response: CreateOrderResponseSchema };
    const begin = await tryPrice(request, (lines) => {
      const order = newOrder(userId, request, lines, clock.now());
      return { order, requestId, requestHash, paymentToken, accountId };
    });
    return { kind: 'create', request: answer, begin };
  }

  /** Without prices an earlier call with the same request may still have begun an order: the writer looks. */
  async function tryPrice(
    { lines }: CreateOrderRequest,
    toSaga: (priced: ReturnType<typeof priceLines>) => Saga,
  ): Promise<Beginning> {
    let prices: Awaited<ReturnType<Catalogue['price']>>;
    try {
      if (driver.isFull) throw new Overloaded();
      prices = await catalogue.price(lines.map(({ sku }) => sku));
    } catch (error) {
      if (error instanceof DomainError) return { notNow: error };
      throw error;
    }
    try {
      return { saga: toSaga(priceLines(lines, prices)) };
    } catch (error) {
      if (error instanceof DomainError) return { refusal: error };
      throw error;
    }
  }

  async function createOrder(request: CreateOrderRequest, call: Call) {
    const { saga, answer } = await writer.do(await begin(request, call));
    return (answer ?? (await settled(saga!, call))) as MessageShape<
      typeof CreateOrderResponseSchema
    >;
  }

  /** Waits until the order is settled, but leaves time to say that it is not. */
  async function settled(saga: Saga, call: Call): Promise<Message> {
    const { orderId, userId } = saga.order;
    const waitMs = call.deadlineAt - Date.now() - limits.answerReserveMs;
    const done = await within(
      waitMs,
      driver.drive(saga),
      () => new OrderInProgress({ order_id: orderId }),
    );
    const key = createOrderKey({ ...saga, userId });
    return done.answer ?? (await writer.recorded({ key, response: CreateOrderResponseSchema }));
  }

  /** One change that a person asks for, of their own order or, as staff, of any. */
  async function ask<Response extends DescMessage>(
    request: Asked,
    call: Call,
    response: Response,
    event: OrderEvent,
  ): Promise<MessageInitShape<Response>> {
    const user = userOf(call);
    const { saga, answer } = await writer.do({
      kind: 'ask',
      orderId: request.orderId,
      userId: isStaff(user) ? undefined : user.id,
      event,
      request: { key: requestKey(call, request), response },
    });
    // A cancelled order is undone at once; the answer does not wait for it, for it cannot fail any more.
    if (saga !== undefined && saga.order.step !== 'DONE') void driver.drive(saga);
    return answer as MessageShape<Response>;
  }

  async function readVisible(orderId: string, call: Call): Promise<Order> {
    const order = (await store.read([orderId])).get(orderId);
    if (order === undefined || !maySee(order, call)) throw new OrderNotFound({ order_id: orderId });
    return order;
  }

  return {
    async getOrder({ orderId }, call) {
      return { order: orderToProto(await readVisible(orderId, call)) };
    },

    async listOrders({ pageSize, pageToken, userId }, call) {
      const whose = whoseOrders(userOf(call), userId);
      const query = ['ListOrders', userOf(call).id, whose ?? ''];
      const before = decodeIdToken(query, pageToken);
      const size = pageSize || limits.pageSizeDefault;
      const orders = await store.list(whose, before, size + 1);
      const { page, nextPageToken } = cutPage(
        orders,
        Math.min(size, countThatFit(orders)),
        (last) => encodePageToken(query, [last.orderId]),
      );
      return { orders: page.map(orderToProto), nextPageToken };
    },

    createOrder: (request, call) => admission.do(() => createOrder(request, call)),

    cancelOrder: (request, call) =>
      ask(request, call, CancelOrderResponseSchema, { kind: 'cancel' }),

    shipOrder: (request, call) => {
      const { trackingCode } = request;
      return ask(request, call, ShipOrderResponseSchema, { kind: 'ship', trackingCode });
    },

    deliverOrder: (request, call) =>
      ask(request, call, DeliverOrderResponseSchema, { kind: 'deliver' }),

    async *watchOrder({ orderId }, call) {
      await readVisible(orderId, call);
      for await (const { value } of hub.watch([orderId], call.signal)) {
        yield { order: orderToProto(value) };
        if (isFinal(value)) return;
      }
    },
  };
}

function newOrder(
  userId: string,
  { shippingAddress }: CreateOrderRequest,
  priced: Pick<Order, 'lines' | 'currency' | 'totalMinor'>,
  now: number,
): Order {
  const { recipient, lines, city, postalCode, countryCode } = shippingAddress!;
  return {
    ...priced,
    orderId: uuidv7(now),
    userId,
    status: 'PENDING',
    step: 'RESERVE',
    cancelReason: undefined,
    cancelDetail: '',
    paymentId: undefined,
    trackingCode: '',
    address: { recipient, lines, city, postalCode, countryCode },
    version: 1n,
    createdAt: now,
    updatedAt: now,
  };
}

/** Staff see every order, services those that the policy lets them ask for, people their own. */
function maySee(order: Order, { caller }: Call): boolean {
  const { user, service } = caller;
  return user === undefined ? service !== undefined : isStaff(user) || user.id === order.userId;
}

/** Whose orders a list shows; undefined for everybody's. Throws NotYourOrders. */
function whoseOrders(user: User, asked: string): string | undefined {
  if (isStaff(user)) return asked || undefined;
  if (asked !== '' && asked !== user.id) throw new NotYourOrders();
  return user.id;
}
