import { type DescMessage, fromBinary } from '@bufbuild/protobuf';
import { AckPolicy, type ConsumerMessages, DeliverPolicy, type JsMsg } from '@nats-io/jetstream';
import type { Database, Tx } from '../db/database.ts';
import { sqlState } from '../db/errors.ts';
import { limits } from '../limits.ts';
import { detached } from '../scope.ts';
import type { Logger } from '../telemetry/log.ts';
import { events as eventsTotal } from '../telemetry/metrics.ts';
import { parseTraceparent } from '../telemetry/trace.ts';
import { type Bus, fromHeaders } from './bus.ts';
import { sendDeadLetter } from './dead-letters.ts';
import type { IncomingEvent, WireEvent } from './event.ts';

/**
 * What a service does about one type of event. `handle` gets the events that it has not taken before, in the
 * transaction that records them as taken: its effect and the record happen together or not at all. It may get several
 * at once, oldest first; when it throws, they are tried again one by one, so a bad event harms no other.
 */
export interface Subscription<Schema extends DescMessage = DescMessage> {
  /** Unique within the service; part of the durable consumer's name, so it must not change. */
  name: string;
  schema: Schema;
  handle(events: IncomingEvent<Schema>[], tx: Tx): Promise<void>;
}

/** Joins an event's schema with a handler that fits it. */
export function subscription<Schema extends DescMessage>(
  options: Subscription<Schema>,
): Subscription {
  return options as unknown as Subscription;
}

export interface Consumer {
  readonly name: string;
  readonly service: string;
  /** Events that wait or are being handled, in the whole mesh. */
  pending(): Promise<number>;
  /** Does one event again that was given up, past the inbox's own check. Throws what the handler throws. */
  replay(event: WireEvent): Promise<void>;
  stop(): Promise<void>;
}

export interface ConsumerOptions {
  bus: Bus;
  database: Database;
  /** The consuming service. */
  service: string;
  subscription: Subscription;
  log: Logger;
}

const nanos = (ms: number) => ms * 1_000_000;

/** The service that publishes an event: "commerce.order.v1.OrderChanged" comes from commerce.order. */
function publisherOf(type: string): string {
  return type.split('.').slice(0, 2).join('.');
}

/**
 * Consumes one type of event durably. Processes that host the same service share the consumer, so each event goes to
 * one of them. An event is acknowledged once its effect is committed; one that keeps failing is moved to the dead
 * letters after limits.deliveriesMax attempts.
 */
export async function startConsumer(options: ConsumerOptions): Promise<Consumer> {
  const { bus, subscription: sub, service, log } = options;
  const type = sub.schema.typeName;
  const stream = bus.streamOf(publisherOf(type));
  const durable = [bus.namespace, service, sub.name].filter(Boolean).join('_').replaceAll('.', '_');
  await bus.ensureStreams(publisherOf(type));
  const config = {
    durable_name: durable,
    filter_subject: bus.subject(type),
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.All,
    ack_wait: nanos(limits.statementMsMax * 2),
    max_ack_pending: limits.consumerInFlightMax,
    // Ours is the bound (deliveriesMax, then the dead letters); JetStream's own would drop the event silently.
    max_deliver: -1,
  };
  await bus.manager.consumers
    .add(stream, config)
    .catch(() => bus.manager.consumers.update(stream, durable, config));
  const source = await bus.js.consumers.get(stream, durable);

  let queue: JsMsg[] = [];
  let working: Promise<void> | undefined;
  let stopped = false;

  function take(message: JsMsg) {
    if (stopped) return;
    queue.push(message);
    working ??= work().finally(() => {
      working = undefined;
    });
  }

  async function work(): Promise<void> {
    while (queue.length > 0 && !stopped) {
      const batch = queue;
      queue = [];
      await handleAll(options, batch);
    }
  }

  const messages: ConsumerMessages = await open();

  async function open(): Promise<ConsumerMessages> {
    const opened = await source.consume({
      max_messages: limits.consumerInFlightMax,
      callback: take,
    });
    // A server that lost the consumer (an empty disk) closes the iterator; everything is made anew then.
    void opened.closed().then((error) => {
      if (!stopped && error !== undefined)
        log.warn({ consumer: durable, error }, 'consumer.closed');
    });
    return opened;
  }

  return {
    name: sub.name,
    service,
    async pending() {
      const info = await bus.manager.consumers.info(stream, durable);
      return info.num_pending + info.num_ack_pending;
    },
    async replay(event) {
      await handleEvents(options, [event]);
    },
    async stop() {
      stopped = true;
      messages.stop();
      await working;
    },
  };
}

/** Handles messages together; when that fails, one by one, and each that fails alone waits or is given up. */
async function handleAll(options: ConsumerOptions, messages: JsMsg[]): Promise<void> {
  const { service } = options;
  const count = (outcome: string, by = 1) =>
    eventsTotal.inc({ service, direction: 'consumed', outcome }, by);
  try {
    await handleEvents(
      options,
      messages.map((message) => fromHeaders(message.headers, message.data)),
    );
    for (const message of messages) message.ack();
    count('ok', messages.length);
    return;
  } catch (error) {
    if (messages.length === 1) {
      count('failed');
      await giveBack(options, messages[0]!, error);
      return;
    }
  }
  for (const message of messages) await handleAll(options, [message]);
}

async function handleEvents(options: ConsumerOptions, events: WireEvent[]): Promise<void> {
  const { database, subscription: sub, service } = options;
  const consumer = `${service}/${sub.name}`;
  const trace = parseTraceparent(events[0]?.traceparent);
  await detached({ timeoutMs: limits.statementMsMax, trace }, () =>
    database.transaction(async (tx) => {
      const fresh = await takeNew(tx, consumer, events);
      if (fresh.length > 0)
        await sub.handle(
          fresh.map((event) => read(sub.schema, event)),
          tx,
        );
    }),
  );
}

/** Records events as taken, and answers those that were not before. */
async function takeNew(tx: Tx, consumer: string, events: WireEvent[]): Promise<WireEvent[]> {
  const ids = events.map((event) => event.id);
  const rows = await tx<{ event_id: string }[]>`
    insert into inbox (event_id, consumer)
    select distinct event_id, ${consumer} from unnest(${ids}::uuid[]) as t (event_id)
    on conflict do nothing
    returning event_id`;
  const fresh = new Set(rows.map((row) => row.event_id));
  // Within one batch too, the second delivery of an event finds the first.
  return events.filter((event) => fresh.delete(event.id));
}

function read(schema: DescMessage, event: WireEvent): IncomingEvent {
  const { id, type, key, payload, traceparent } = event;
  const message = fromBinary(schema, payload);
  return { id, type, key, message, trace: parseTraceparent(traceparent) } as IncomingEvent;
}

async function giveBack(options: ConsumerOptions, message: JsMsg, error: unknown): Promise<void> {
  const { bus, service, subscription: sub, log } = options;
  const attempts = message.info.deliveryCount;
  const failure = describe(error);
  if (attempts < limits.deliveriesMax) {
    const pauses = limits.redeliveryBackoffMs;
    message.nak(pauses[Math.min(attempts - 1, pauses.length - 1)]);
    log.warn({ consumer: sub.name, attempts, failure }, 'event.retried');
    return;
  }
  try {
    await sendDeadLetter(bus, { service, consumer: sub.name, attempts, failure, message });
    message.ack();
    log.error({ consumer: sub.name, attempts, failure }, 'event.dead');
  } catch {
    // The bus is away: the event comes back by itself.
    message.nak(limits.redeliveryBackoffMs[0]);
  }
}

/** The class of a failure and the driver's code: never its text, which may hold what the event held. */
function describe(error: unknown): string {
  const name = error instanceof Error ? error.name : typeof error;
  return [name, sqlState(error)].filter(Boolean).join(' ');
}
