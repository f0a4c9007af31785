/** Callers who order, repeat themselves and change their minds, whatever happens around them. */
import { toBinary } from '@bufbuild/protobuf';
import {
  CreateOrderResponseSchema,
  type Order,
  OrderService,
  OrderStatus,
} from '#gen/commerce/order/v1/order_pb.ts';
import { RpcError } from '#kit/errors.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Client } from '#kit/rpc/client.ts';
import type { Mesh } from '../mesh/mesh.ts';
import { type Failures, insist, pause, until } from './patience.ts';
import { createRandom, type Random } from './random.ts';
import { type Customer, type Shop, shippingAddress } from './shop.ts';

type Orders = Client<typeof OrderService>;
type OrderRequest = Parameters<Orders['createOrder']>[0] & { requestId: string };

/** A CreateOrder that was answered, and what the answer was. */
export interface Acknowledged {
  customer: Customer;
  request: OrderRequest;
  orderId: string;
  answer: Uint8Array;
}

export interface Load {
  readonly acknowledged: readonly Acknowledged[];
  readonly failures: Failures;
  /** Refusals that no caller had reason to expect. */
  readonly surprises: readonly string[];
  /** Resolves when an order that began after this call is paid. Throws Overdue. */
  untilPaid(timeoutMs: number): Promise<void>;
  /** Asks a request again, until it is answered. */
  ask(acknowledged: Acknowledged): Promise<Uint8Array>;
  /** No new orders; resolves when all that began are answered. Throws Overdue. */
  stop(timeoutMs: number): Promise<void>;
}

const thinkMsMax = 300;
const regretMsMax = 150;
const looksMax = 5;
const lookMs = 50;
const goodCards = ['tok_visa', 'tok_mastercard', 'tok_twice', 'tok_event_first'];
const trickyCards = ['tok_timeout', 'tok_error', 'tok_error_before', 'tok_lost', 'tok_slow_300'];
const badCards = ['tok_insufficient_funds', 'tok_expired_card', 'tok_nobodys'];
const slowCards = ['tok_timeout', 'tok_lost', 'tok_slow_300', 'tok_slow_800'];

/** What a caller does besides ordering. */
const habits = ['none', 'none', 'none', 'twice', 'again', 'cancel', 'regret', 'ship'] as const;

export function startLoad(mesh: Mesh, shop: Shop, callers: number, seed: number): Load {
  // Some go to the order service itself, the others through the public door; a repeat takes the other way.
  const doors: Orders[] = [
    mesh.client(OrderService, 'commerce.order'),
    mesh.client(OrderService, 'platform.gateway'),
  ];
  const acknowledged: Acknowledged[] = [];
  const failures: Failures = new Map();
  const surprises: string[] = [];
  let begun = 0;
  let newestPaid = 0;
  let isStopping = false;

  async function create(customer: Customer, request: OrderRequest, door: number): Promise<Order> {
    begun += 1;
    const number = begun;
    const response = await insist(customer, failures, (attempt) =>
      doors[(door + attempt) % doors.length]!.createOrder(request, customer),
    );
    const order = response.order!;
    const answer = toBinary(CreateOrderResponseSchema, response);
    acknowledged.push({ customer, request, orderId: order.orderId, answer });
    if (order.status === OrderStatus.PAID) newestPaid = Math.max(newestPaid, number);
    return order;
  }

  /** Undoes the customer's newest order while it is being made, if it is seen in time. */
  async function regret(customer: Customer, known: Set<string>): Promise<void> {
    for (let look = 0; look < looksMax; look += 1) {
      const { orders } = await insist(customer, failures, () =>
        doors[0]!.listOrders({ pageSize: 1 }, customer),
      );
      const [newest] = orders;
      if (newest !== undefined && !known.has(newest.orderId)) {
        return cancel(customer, newest.orderId);
      }
      await pause(lookMs);
    }
  }

  async function cancel(customer: Customer, orderId: string): Promise<void> {
    const request = { requestId: uuidv7(), orderId };
    await tolerate(() =>
      insist(customer, failures, () => doors[0]!.cancelOrder(request, customer)),
    );
  }

  /** Staff sends the goods, and hears that they came. */
  async function ship(orderId: string): Promise<void> {
    const sent = { requestId: uuidv7(), orderId, trackingCode: 'CHAOS' };
    const came = { requestId: uuidv7(), orderId };
    await tolerate(async () => {
      await insist(shop.staff, failures, () => doors[0]!.shipOrder(sent, shop.staff));
      await insist(shop.staff, failures, () => doors[0]!.deliverOrder(came, shop.staff));
    });
  }

  async function orderOnce(random: Random, customer: Customer, known: Set<string>): Promise<void> {
    const habit = random.pick(habits);
    const request = wanted(random, shop, habit === 'regret');
    const door = random.below(doors.length);
    const regretAfterMs = random.below(regretMsMax);
    const [{ orderId, status }] = await Promise.all([
      create(customer, request, door),
      habit === 'twice' && create(customer, request, door + 1),
      habit === 'regret' && pause(regretAfterMs).then(() => regret(customer, known)),
    ]);
    known.add(orderId);
    if (habit === 'again') await create(customer, request, door + 1);
    if (status !== OrderStatus.PAID) return;
    if (habit === 'cancel') await cancel(customer, orderId);
    if (habit === 'ship') await ship(orderId);
  }

  async function caller(index: number): Promise<void> {
    const random = createRandom(seed * 1_000 + index);
    const own = shop.customers.filter((_, i) => i % callers === index);
    const known = new Set<string>();
    while (!isStopping) {
      await pause(random.below(thinkMsMax));
      await orderOnce(random, random.pick(own), known).catch((error) => {
        surprises.push(error instanceof RpcError ? `${error.code} ${error.message}` : `${error}`);
      });
    }
  }

  const running = Promise.all(Array.from({ length: callers }, (_, i) => caller(i)));
  let isDone = false;
  void running.then(() => {
    isDone = true;
  });

  return {
    acknowledged,
    failures,
    surprises,
    async untilPaid(timeoutMs) {
      const mark = begun;
      await until('an order is paid again', timeoutMs, () => newestPaid > mark);
    },
    async ask({ customer, request }) {
      const response = await insist(customer, failures, (attempt) =>
        doors[attempt % doors.length]!.createOrder(request, customer),
      );
      return toBinary(CreateOrderResponseSchema, response);
    },
    async stop(timeoutMs) {
      isStopping = true;
      await until('every caller is answered', timeoutMs, () => isDone);
    },
  };
}

function wanted(random: Random, shop: Shop, isSlow: boolean): OrderRequest {
  const isHot = random.percent(20);
  // Plentiful goods alternate between two currencies, and an order is in one.
  const first = random.below(shop.plentifulSkus.length);
  const skus = isHot ? [shop.hotSku] : [shop.plentifulSkus[first]!];
  const third = shop.plentifulSkus[(first + 2) % shop.plentifulSkus.length]!;
  if (!isHot && random.percent(30)) skus.push(third);
  const dice = random.below(100);
  const ordinary = dice < 65 ? goodCards : dice < 85 ? trickyCards : badCards;
  return {
    requestId: uuidv7(),
    lines: skus.map((sku) => ({ sku, quantity: BigInt(1 + random.below(3)) })),
    paymentToken: random.pick(isSlow ? slowCards : ordinary),
    shippingAddress,
  };
}

/** Somebody else was faster with the order: that is an answer too. */
async function tolerate(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof RpcError && error.reason === 'ORDER_STATUS_CONFLICT')) throw error;
  }
}
