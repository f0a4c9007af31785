import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import {
  AckPolicy,
  type ConsumerConfig,
  type ConsumerMessages,
  DeliverPolicy,
  type JsMsg,
} from '@nats-io/jetstream';
import type { Database, Tx } from '../db/database.ts';
import { limits } from '../limits.ts';
import { createTurns } from '../load/turns.ts';
import { serviceOfType } from '../service.ts';
import type { Logger } from '../telemetry/log.ts';
import type { Bus } from './bus.ts';
import type { IncomingEvent, WireEvent } from './event.ts';
import { handleAll, handleEvents } from './handle.ts';

/**
 * What a service does about one type of event. `handle` gets the events that it has not taken before, in the
 * transaction that records them as taken: its effect and the record happen together or not at all. It may get several
 * at once, oldest first; when it throws, they are tried again one by one, so a bad event harms no other. A PoisonEvent
 * is not tried again.
 */
export interface Subscription<Schema extends DescMessage = DescMessage> {
  /** Unique within the service; part of the durable consumer's name, so it must not change. */
  name: string;
  schema: Schema;
  /**
   * Whether anything is to be done about an event; all concern when absent. One that does not is acknowledged and leaves no
   * record, for it may come again. Throws PoisonEvent as `handle` does.
   */
  concerns?(message: MessageShape<Schema>): boolean;
  handle(events: IncomingEvent<Schema>[], tx: Tx): Promise<void>;
}

/** Joins an event's schema with a handler that fits it. */
export function subscription<Schema extends DescMessage>(
  options: Subscription<Schema>,
): Subscription {
  return options as unknown as Subscription;
}

/** A durable consumer, as this process takes part in it. */
export interface Consumer {
  readonly name: string;
  readonly service: string;
  /** Events that wait or are being handled, in the whole mesh. */
  pending(): Promise<number>;
  /** Does one event again that was given up, past the inbox's own check. Throws what the handler throws. */
  replay(event: WireEvent): Promise<void>;
  stop(): Promise<void>;
}

/** Who consumes what, and the database in which effects and inbox are. */
export interface ConsumerOptions {
  bus: Bus;
  database: Database;
  /** The consuming service. */
  service: string;
  subscription: Subscription;
  log: Logger;
}

/** What the client notices when the server has no such consumer any more. */
const lossSigns = new Set<string>(['consumer_deleted', 'consumer_not_found', 'stream_not_found']);

const nanos = (ms: number) => ms * 1_000_000;

/**
 * Consumes one type of event durably. Processes that host the same service share the consumer, so each event goes to
 * one of them. An event is acknowledged once its effect is committed; one that keeps failing is moved to the dead
 * letters after limits.deliveriesMax attempts.
 */
export async function startConsumer(options: ConsumerOptions): Promise<Consumer> {
  const { bus, subscription: sub, service, log } = options;
  const type = sub.schema.typeName;
  const stream = bus.streamOf(serviceOfType(type));
  const durable = [bus.namespace, service, sub.name].filter(Boolean).join('_').replaceAll('.', '_');
  const config: Partial<ConsumerConfig> = {
    durable_name: durable,
    filter_subject: bus.subject(type),
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.All,
    ack_wait: nanos(limits.statementMsMax * 2),
    max_ack_pending: limits.consumerInFlightMax,
    // Ours is the bound (deliveriesMax, then the dead letters); JetStream's own would drop the event silently.
    max_deliver: -1,
  };
  let queue: JsMsg[] = [];
  let working: Promise<void> | undefined;
  let stopped = false;
  const turns = createTurns();

  function take(message: JsMsg) {
    if (stopped) return;
    queue.push(message);
    working ??= work().finally(() => {
      working = undefined;
    });
  }

  async function work(): Promise<void> {
    while (queue.length > 0 && !stopped) {
      await turns.take(async () => {
        const batch = queue;
        queue = [];
        await handleAll(options, batch);
      });
    }
  }

  async function ensure(): Promise<void> {
    await bus.ensureStreams(serviceOfType(type));
    await bus.manager.consumers
      .add(stream, config)
      .catch(() => bus.manager.consumers.update(stream, durable, config));
  }

  async function open(): Promise<ConsumerMessages> {
    await ensure();
    const source = await bus.js.consumers.get(stream, durable);
    return source.consume({ max_messages: limits.consumerInFlightMax, callback: take });
  }

  /** A server that has lost the consumer, or all of its disk, is given it anew; the inbox knows what was done. */
  async function keepOpen(): Promise<void> {
    while (!stopped) {
      for await (const { type: sign } of messages.status()) {
        if (lossSigns.has(sign)) break;
        // The client asks again by itself, but not for a consumer that it would have to make.
        if (sign === 'heartbeats_missed') await ensure().catch(() => {});
      }
      if (stopped) return;
      log.warn({ consumer: durable }, 'consumer.reopened');
      messages.stop();
      messages = await insist(open);
    }
  }

  async function insist<Result>(work: () => Promise<Result>): Promise<Result> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (stopped) throw error;
        await new Promise((resolve) => setTimeout(resolve, limits.redeliveryBackoffMs[0]));
      }
    }
  }

  let messages = await open();
  const keeping = keepOpen().catch(() => {});

  return {
    name: sub.name,
    service,
    async pending() {
      const info = await bus.manager.consumers.info(stream, durable);
      return info.num_pending + info.num_ack_pending;
    },
    async replay(event) {
      await handleEvents(options, [{ payload: event.payload, read: () => event }]);
    },
    async stop() {
      stopped = true;
      messages.stop();
      await keeping;
      messages.stop();
      await working;
    },
  };
}
