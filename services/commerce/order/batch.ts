/** What a batch of commands does to orders: read under lock, applied one after the other, and collected to be written. */
import { create as createMessage, type Message } from '@bufbuild/protobuf';
import {
  CreateOrderRequestSchema,
  CreateOrderResponseSchema,
} from '#gen/commerce/order/v1/order_pb.ts';
import type { Audited } from '#kit/audit/entries.ts';
import type { OutgoingEvent } from '#kit/bus/event.ts';
import type { Tx } from '#kit/db/database.ts';
import { idOfKey, type RequestKey } from '#kit/db/request-key.ts';
import { findAnswers } from '#kit/db/request-log.ts';
import type { Answer, KeyedRequest } from '#kit/db/request-records.ts';
import { DomainError } from '#kit/errors.ts';
import type { Outcome } from '#kit/load/coalesce.ts';
import { RequestIdReused } from '#kit/mesh-errors.ts';
import { next, type OrderEvent } from './domain/reducer.ts';
import { isSettled, leaseOf, type Order, OrderNotFound } from './domain.ts';
import { orderChanged } from './events.ts';
import { orderToProto } from './proto.ts';
import type { Saga, Store } from './store.ts';
import type { Command, Written } from './writer.ts';

/** What the commands of a batch find, read under lock. */
export interface Known {
  /** By key and hash, see idOf. */
  answers: Map<string, Outcome<Message>>;
  /** By "<user> <request>". */
  byRequest: Map<string, Saga>;
  byOrder: Map<string, Saga>;
}

/** Locks and reads what the commands are about: their answers, and the orders that they name or have begun. */
export async function readKnown(
  store: Store,
  tx: Tx,
  commands: readonly Command[],
): Promise<Known> {
  const requests = commands.flatMap((command) => ('request' in command ? [command.request] : []));
  const creating = commands.filter((command) => command.kind === 'create');
  const begun = creating.map(({ request }) => ({
    userId: userOf(request),
    requestId: request.key.requestId,
  }));
  const isRefusing = creating.some(({ begin }) => 'refusal' in begin);
  const orderIds = commands.flatMap((command) => ('orderId' in command ? [command.orderId] : []));
  // Sent together: the connection keeps their order.
  const [, found, byRequest, byOrder] = await Promise.all([
    creating.length === 0 ? undefined : store.admit(tx, isRefusing),
    requests.length === 0 ? [] : findAnswers(tx, requests),
    store.findByRequest(tx, begun),
    store.lock(tx, orderIds),
  ]);
  const answers = new Map<string, Outcome<Message>>();
  requests.forEach((request, i) => {
    const answer = found[i];
    if (answer !== undefined) answers.set(idOf(request), answer);
  });
  return { answers, byRequest, byOrder };
}

function userOf({ key }: KeyedRequest): string {
  return key.scope.slice(0, key.scope.indexOf('/'));
}

/** Tells apart what came under one key as well: a repeat, and another request that reuses the id. */
function idOf({ key }: KeyedRequest): string {
  return `${idOfKey(key)} ${key.hash.toString('base64')}`;
}

/** Applies the commands of a batch one after the other, and collects what has to be written. */
export function openBatch({ answers, byRequest, byOrder }: Known, now: number) {
  const fresh = new Set<string>();
  const changed = new Set<string>();
  const events: OutgoingEvent[] = [];
  const entries: Audited[] = [];
  const newAnswers: (KeyedRequest & { outcome: Outcome<Answer> })[] = [];
  const answeredNow = new Set<string>();

  function answerOnce(request: KeyedRequest, outcome: Outcome<Answer>): Outcome<Message> {
    newAnswers.push({ ...request, outcome });
    answeredNow.add(idOfKey(request.key));
    // What goes out now is what a replay will read: the message, or the refusal itself.
    answers.set(idOf(request), outcome as Outcome<Message>);
    return outcome as Outcome<Message>;
  }

  /** The answer that a request has already, or its refusal when the batch answered another one under its id. */
  function earlier(request: KeyedRequest): Outcome<Message> | undefined {
    const answered = answers.get(idOf(request));
    if (answered) return answered;
    const isTaken = answeredNow.has(idOfKey(request.key));
    return isTaken ? { error: reused(request) } : undefined;
  }

  function create(command: Extract<Command, { kind: 'create' }>): Outcome<Written> {
    const { request, begin } = command;
    const answered = earlier(request);
    if (answered) return withSaga(answered, undefined);
    const key = `${userOf(request)} ${request.key.requestId}`;
    const existing = byRequest.get(key);
    if (existing) {
      if (!existing.requestHash.equals(request.key.hash)) return { error: reused(request) };
      return {
        value: { saga: byOrder.get(existing.order.orderId) ?? existing, answer: undefined },
      };
    }
    if ('notNow' in begin) return { error: begin.notNow };
    if ('refusal' in begin) {
      return withSaga(answerOnce(request, { error: begin.refusal }), undefined);
    }
    const saga = { ...begin.saga, leaseUntil: leaseOf(begin.saga, now) };
    byRequest.set(key, saga);
    byOrder.set(saga.order.orderId, saga);
    fresh.add(saga.order.orderId);
    events.push(orderChanged(saga.order));
    audit(request, saga.order);
    return { value: { saga, answer: undefined } };
  }

  /**
   * The answer comes when the order is settled, by then perhaps in a process that knows nothing of the call; so the entry
   * of CreateOrder is written with the order.
   */
  function audit({ key: { entry }, response }: KeyedRequest, order: Order): void {
    if (entry === undefined) return;
    entries.push({
      draft: entry,
      response: createMessage(response, { order: orderToProto(order) }),
    });
  }

  /** Puts the order into its next state; the first time that settles it, CreateOrder has its answer. */
  function advance(saga: Saga, event: OrderEvent): Written {
    const order = next(saga.order, event, now);
    if (order === saga.order) return { saga, answer: undefined };
    const isToBePaid = order.step === 'RESERVE' || order.step === 'PAY';
    const moved: Saga = {
      ...saga,
      order,
      paymentToken: isToBePaid ? saga.paymentToken : undefined,
      leaseUntil: leaseOf({ ...saga, order }, now),
    };
    byOrder.set(order.orderId, moved);
    changed.add(order.orderId);
    if (order.version !== saga.order.version) events.push(orderChanged(order));
    if (isSettled(saga.order) || !isSettled(order)) return { saga: moved, answer: undefined };
    const key = createOrderKey({ ...saga, userId: order.userId });
    const request = { key, response: CreateOrderResponseSchema };
    const outcome = answerOnce(request, { value: { order: orderToProto(order) } });
    return { saga: moved, answer: 'value' in outcome ? outcome.value : undefined };
  }

  function renew(saga: Saga): Saga {
    const leaseUntil = leaseOf(saga, now);
    if (leaseUntil === saga.leaseUntil) return saga;
    const renewed = { ...saga, leaseUntil };
    byOrder.set(saga.order.orderId, renewed);
    changed.add(saga.order.orderId);
    return renewed;
  }

  function ask(command: Extract<Command, { kind: 'ask' }>): Outcome<Written> {
    const { request, orderId, userId, event } = command;
    const answered = earlier(request);
    if (answered) return withSaga(answered, undefined);
    const saga = byOrder.get(orderId);
    if (saga === undefined || (userId !== undefined && saga.order.userId !== userId)) {
      const error = new OrderNotFound({ order_id: orderId });
      return withSaga(answerOnce(request, { error }), undefined);
    }
    try {
      const moved = advance(saga, event).saga!;
      const value = { order: orderToProto(moved.order) };
      return withSaga(answerOnce(request, { value }), moved);
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      return withSaga(answerOnce(request, { error }), undefined);
    }
  }

  return {
    events,
    entries,
    newAnswers,
    inserted: () => [...fresh].map((orderId) => byOrder.get(orderId)!),
    updated: () => [...changed].filter((id) => !fresh.has(id)).map((id) => byOrder.get(id)!),
    apply(command: Command): Outcome<Written> {
      if (command.kind === 'create') return create(command);
      if (command.kind === 'ask') return ask(command);
      const saga = byOrder.get(command.orderId);
      if (saga === undefined) return { error: new OrderNotFound({ order_id: command.orderId }) };
      if (command.kind === 'tell') return { value: advance(saga, command.event) };
      return { value: { saga: renew(saga), answer: undefined } };
    },
  };
}

function withSaga(outcome: Outcome<Message>, saga: Saga | undefined): Outcome<Written> {
  return 'error' in outcome ? outcome : { value: { saga, answer: outcome.value } };
}

function reused({ key }: KeyedRequest): RequestIdReused {
  return new RequestIdReused({ request_id: key.requestId });
}

/** The key under which CreateOrder's answer is recorded, whoever finds it out. */
export function createOrderKey(of: {
  userId: string;
  requestId: string;
  requestHash: Buffer;
}): RequestKey {
  return {
    requestId: of.requestId,
    scope: `${of.userId}/${CreateOrderRequestSchema.name.replace('Request', '')}`,
    hash: of.requestHash,
  };
}
