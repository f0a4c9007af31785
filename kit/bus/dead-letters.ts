import type { JsMsg } from '@nats-io/jetstream';
import type { Bus } from './bus.ts';
import { fromHeaders, toHeaders } from './bus.ts';
import type { WireEvent } from './event.ts';

/** An event that a consumer gave up on, as it waits on its stream for somebody to replay it. */
export interface DeadLetter {
  /** Its place in the stream of dead letters. */
  sequence: number;
  event: WireEvent;
  consumer: string;
  attempts: number;
  failure: string;
  /** Milliseconds since the epoch. */
  failedAt: number;
}

const consumerHeader = 'meshwork-consumer';
const attemptsHeader = 'meshwork-attempts';
const failureHeader = 'meshwork-failure';

/** Puts an event aside. Its message id makes a second attempt to put it aside harmless. */
export async function sendDeadLetter(
  bus: Bus,
  letter: { service: string; consumer: string; attempts: number; failure: string; message: JsMsg },
): Promise<void> {
  const event = fromHeaders(letter.message.headers, letter.message.data);
  const headers = toHeaders(event);
  headers.set(consumerHeader, letter.consumer);
  headers.set(attemptsHeader, String(letter.attempts));
  headers.set(failureHeader, letter.failure);
  await bus.js.publish(bus.subject(`dead.${letter.service}.${letter.consumer}`), event.payload, {
    msgID: `${event.id} ${letter.consumer}`,
    headers,
  });
}

/** How many dead letters of a service wait for somebody to replay them. */
export async function countDeadLetters(bus: Bus, service: string): Promise<number> {
  const { state } = await bus.manager.streams.info(bus.streamOf(`dead.${service}`));
  return state.messages;
}

/** Reads dead letters of a service from `afterSequence` (exclusive) on, oldest first, at most `limit`. */
export async function readDeadLetters(
  bus: Bus,
  service: string,
  afterSequence: number,
  limit: number,
): Promise<DeadLetter[]> {
  const stream = bus.streamOf(`dead.${service}`);
  const letters: DeadLetter[] = [];
  let next = afterSequence + 1;
  while (letters.length < limit) {
    // "The first message at or after": removed ones leave gaps. The server knows it, the client's types do not.
    const request = { seq: next, next_by_subj: bus.subject(`dead.${service}.>`) };
    const stored = await bus.manager.streams.getMessage(stream, request as { seq: number });
    if (stored === null) break;
    const headers = stored.header;
    letters.push({
      sequence: stored.seq,
      event: fromHeaders(headers, stored.data),
      consumer: headers.get(consumerHeader),
      attempts: Number(headers.get(attemptsHeader)),
      failure: headers.get(failureHeader),
      failedAt: stored.time.getTime(),
    });
    next = stored.seq + 1;
  }
  return letters;
}

/** Takes a dead letter off the list, once it was processed. */
export async function removeDeadLetter(
  bus: Bus,
  service: string,
  letter: DeadLetter,
): Promise<void> {
  await bus.manager.streams.deleteMessage(bus.streamOf(`dead.${service}`), letter.sequence);
}
