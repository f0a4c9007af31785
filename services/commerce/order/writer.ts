import type { Message } from '@bufbuild/protobuf';
import { OrderService } from '#gen/commerce/order/v1/order_pb.ts';
import { publishEntries } from '#kit/audit/entries.ts';
import type { Clock } from '#kit/clock.ts';
import { retryCollisions } from '#kit/db/collision.ts';
import type { Database, Tx } from '#kit/db/database.ts';
import { publish } from '#kit/db/outbox.ts';
import { findAnswers, recordAnswers } from '#kit/db/request-log.ts';
import type { KeyedRequest } from '#kit/db/request-records.ts';
import { debugPoint } from '#kit/debug.ts';
import { assert, type DomainError } from '#kit/errors.ts';
import { type Coalescer, createCoalescer, type Outcome } from '#kit/load/coalesce.ts';
import { openBatch, readKnown } from './batch.ts';
import type { OrderEvent } from './domain/reducer.ts';
import { limits } from './domain.ts';
import type { Saga, Store } from './store.ts';

/** What a request for an order comes to; with `notNow` it may be asked again. */
export type Beginning = { saga: Saga } | { refusal: DomainError } | { notNow: DomainError };

export type Command =
  /** Begins an order, unless its request has begun one or was answered; `refusal` is recorded as the answer. */
  | { kind: 'create'; request: KeyedRequest; begin: Beginning }
  /** The saga tells what happened. */
  | { kind: 'tell'; orderId: string; event: OrderEvent }
  /** The saga is still at work on a step: keeps the lease, and answers how the order stands. */
  | { kind: 'renew'; orderId: string }
  /** A person asks for something; `userId` is whose order it must be, absent for staff. */
  | {
      kind: 'ask';
      orderId: string;
      userId: string | undefined;
      event: OrderEvent;
      request: KeyedRequest;
    };

/** How the order stands after the command; `answer` where the command has one to give, now or from before. */
export interface Written {
  saga: Saga | undefined;
  answer: Message | undefined;
}

export interface OrderWriter extends Pick<Coalescer<Command, Written>, 'do' | 'idle'> {
  /** The answer that was recorded for a request, by whichever process. Throws the refusal when it was one. */
  recorded(request: KeyedRequest): Promise<Message>;
}

/**
 * The one writer of orders in this process. A batch holds commands of all kinds, from orders in every stage: one
 * transaction locks them, applies them in turn, and writes orders, events and answers.
 */
export function createOrderWriter(database: Database, store: Store, clock: Clock): OrderWriter {
  const commands = createCoalescer<Command, Written>({
    name: 'commerce.order.write',
    timeoutMs: limits.batchMsMax,
    itemsMax: limits.batchMax,
    run: (batch) =>
      retryCollisions(() =>
        database.transaction((tx) => writeBatch({ database, store, now: clock.now() }, tx, batch)),
      ),
  });
  return {
    do: commands.do,
    idle: commands.idle,
    async recorded(request) {
      const [found] = await database.transaction((tx) => findAnswers(tx, [request]));
      assert(found !== undefined, 'a settled order has its answer recorded');
      if ('error' in found) throw found.error;
      return found.value;
    },
  };
}

interface Context {
  database: Database;
  store: Store;
  now: number;
}

async function writeBatch(
  context: Context,
  tx: Tx,
  commands: readonly Command[],
): Promise<Outcome<Written>[]> {
  const { database, store, now } = context;
  const batch = openBatch(await readKnown(store, tx, commands), now);
  const outcomes = commands.map((command) => batch.apply(command));
  store.insert(tx, batch.inserted());
  store.update(tx, batch.updated());
  publish(database, tx, batch.events);
  publishEntries(database, tx, batch.entries);
  recordAnswers(database, tx, OrderService.typeName, batch.newAnswers);
  await debugPoint('commerce.order.before-commit');
  return outcomes;
}
