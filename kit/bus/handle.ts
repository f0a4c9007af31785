import { type DescMessage, fromBinary, type Message } from '@bufbuild/protobuf';
import type { JsMsg } from '@nats-io/jetstream';
import type { Tx } from '../db/database.ts';
import { sqlState } from '../db/errors.ts';
import { isUuid } from '../ids.ts';
import { limits } from '../limits.ts';
import { detached } from '../scope.ts';
import { withConsumerSpan } from '../telemetry/consumer-span.ts';
import { events as eventsTotal } from '../telemetry/metrics.ts';
import { parseTraceparent } from '../telemetry/trace.ts';
import { fromHeaders } from './bus.ts';
import type { ConsumerOptions } from './consumer.ts';
import { sendDeadLetter } from './dead-letters.ts';
import { type IncomingEvent, PoisonEvent, type WireEvent } from './event.ts';

/** Handles messages together; when that fails, one by one, and each that fails alone waits or is given up. */
export async function handleAll(options: ConsumerOptions, messages: JsMsg[]): Promise<void> {
  const { service } = options;
  const count = (outcome: string, by = 1) =>
    eventsTotal.inc({ service, direction: 'consumed', outcome }, by);
  try {
    await handleEvents(
      options,
      messages.map((message) => ({
        payload: message.data,
        read: () => fromHeaders(message.headers, message.data),
      })),
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

/** An event as it was delivered. To read its headers costs more than all that is done about one of no concern. */
export interface Delivery {
  payload: Uint8Array;
  read(): WireEvent;
}

/** Handles in one transaction the events that concern the subscription and that were not taken before. */
export async function handleEvents(
  options: ConsumerOptions,
  deliveries: readonly Delivery[],
): Promise<void> {
  const { database, subscription: sub, service } = options;
  const consumer = `${service}/${sub.name}`;
  const events = deliveries.flatMap(({ payload, read }) => {
    const message = parse(sub.schema, payload);
    return (sub.concerns?.(message) ?? true) ? [{ ...read(), message }] : [];
  });
  if (events.length === 0) return;
  const traces = events.flatMap(({ traceparent }) => parseTraceparent(traceparent) ?? []);
  await withConsumerSpan(sub.schema.typeName, traces, (trace) =>
    detached({ timeoutMs: limits.statementMsMax, trace }, () =>
      database.transaction(async (tx) => {
        const fresh = await takeNew(tx, consumer, events);
        if (fresh.length > 0) await sub.handle(fresh, tx);
      }),
    ),
  );
}

/**
 * Records events as taken, and answers those that were not before.
 *
 * NOTE: these records are kept for ever, as those of requests are; one takes about 200 bytes. No age makes it safe to remove
 * them, for an event may come again however late: a publisher that died between the bus and its outbox publishes it again
 * when it is back, after weeks perhaps, and a dead letter may have been done, when the process died before it took it off
 * the list. Whoever must have the room removes records by hand, older than every outbox and dead letter of the mesh.
 */
async function takeNew(
  tx: Tx,
  consumer: string,
  events: IncomingEvent[],
): Promise<IncomingEvent[]> {
  const ids = events.map((event) => event.id);
  if (!ids.every(isUuid)) throw new PoisonEvent();
  const rows = await tx<{ event_id: string }[]>`
    insert into inbox (event_id, consumer)
    select distinct event_id, ${consumer} from unnest(${ids}::uuid[]) as t (event_id)
    on conflict do nothing
    returning event_id`;
  const fresh = new Set(rows.map((row) => row.event_id));
  // Within one batch too, the second delivery of an event finds the first.
  return events.filter((event) => fresh.delete(event.id));
}

function parse(schema: DescMessage, payload: Uint8Array): Message {
  try {
    return fromBinary(schema, payload);
  } catch {
    throw new PoisonEvent();
  }
}

async function giveBack(options: ConsumerOptions, message: JsMsg, error: unknown): Promise<void> {
  const { bus, service, subscription: sub, log } = options;
  const attempts = message.info.deliveryCount;
  const failure = describe(error);
  if (attempts < limits.deliveriesMax && !(error instanceof PoisonEvent)) {
    message.nak(pauseMs(attempts));
    log.warn({ consumer: sub.name, attempts, failure }, 'event.retried');
    return;
  }
  try {
    await sendDeadLetter(bus, { service, consumer: sub.name, attempts, failure, message });
    message.ack();
    log.error({ consumer: sub.name, attempts, failure }, 'event.dead');
  } catch (cause) {
    // The bus is away, or has as many dead letters as it takes: the event stays where it is, and comes back by itself.
    message.nak(pauseMs(attempts));
    log.error({ consumer: sub.name, attempts, failure, cause }, 'event.not_put_aside');
  }
}

function pauseMs(attempts: number): number {
  const pauses = limits.redeliveryBackoffMs;
  return pauses[Math.min(attempts, pauses.length) - 1]!;
}

/** The class of a failure and the driver's code: never its text, which may hold what the event held. */
function describe(error: unknown): string {
  const name = error instanceof Error ? error.name : typeof error;
  return [name, sqlState(error)].filter(Boolean).join(' ');
}
