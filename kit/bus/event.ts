import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { assert } from '../errors.ts';

/** An event as it leaves: a message of the contract, and the id of the thing that it tells of. */
export interface OutgoingEvent<Schema extends DescMessage = DescMessage> {
  schema: Schema;
  key: string;
  message: MessageInitShape<Schema>;
  /** A UUID; made when absent. The same id is delivered to each consumer once. */
  id?: string;
}

/** Joins an event's schema with a message that fits it. The key is one line of text: it travels as a header. */
export function event<Schema extends DescMessage>(
  schema: Schema,
  key: string,
  message: MessageInitShape<Schema>,
): OutgoingEvent {
  assert(!/[\r\n]/.test(key), 'the key of an event is one line');
  return { schema, key, message } as OutgoingEvent;
}

/** An event as it arrives at a consumer. */
export interface IncomingEvent<Schema extends DescMessage = DescMessage> {
  id: string;
  type: string;
  key: string;
  message: MessageShape<Schema>;
}

/** An event on its way through the bus: bytes, and the CloudEvents attributes. */
export interface WireEvent {
  id: string;
  type: string;
  key: string;
  payload: Uint8Array;
  traceparent: string | undefined;
  /** Milliseconds since the epoch. */
  createdAt: number;
}

/** An event that no further attempt will make good. A handler that throws it sends it to the dead letters at once. */
export class PoisonEvent extends Error {
  override readonly name = 'PoisonEvent';
}
