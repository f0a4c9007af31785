import type { DescMethod, Message } from '@bufbuild/protobuf';
import type { Cancellation } from '../../scope.ts';
import type { Metadata } from '../engine.ts';

/** One call as a client makes it: the message is complete, deadline and headers are decided. */
export interface OutgoingCall {
  method: DescMethod;
  path: string;
  /** Milliseconds since the epoch; always finite for unary calls. */
  deadlineAt: number;
  metadata: Metadata;
  cancellation: Cancellation | undefined;
}

/** The way to one service, wherever it lives. Failures are RpcErrors. */
export interface Channel {
  /** The service's name: "commerce.inventory". */
  readonly target: string;
  unary(call: OutgoingCall, request: Message): Promise<Message>;
  /** Sends `requests` while it yields the answers. */
  stream(call: OutgoingCall, requests: AsyncIterable<Message>): AsyncIterable<Message>;
  close(): void;
}
