import { clone, type Message } from '@bufbuild/protobuf';
import { RpcError } from '../errors.ts';
import { spiffeId } from '../identity/caller.ts';
import { Cancellation } from '../scope.ts';
import type { Channel, OutgoingCall } from './channel.ts';
import type { MessageDispatcher } from './dispatcher.ts';
import type { Inbound, Metadata, ReplyStatus } from './engine.ts';
import { createQueue } from './queue.ts';
import { rpcErrorOfWire } from './status.ts';

/**
 * The way to a service in the same process: no bytes and no socket, but the same interceptors, deadline, policy and
 * errors. Messages are cloned both ways, for a shared mutable message is a bug that the wire would have hidden.
 */
export function createDirectChannel(options: {
  target: string;
  /** The calling service, whose identity needs no token inside one process. */
  caller: string | undefined;
  dispatcher: () => MessageDispatcher;
}): Channel {
  const names = options.caller === undefined ? [] : [spiffeId(options.caller)];
  const peer = { address: 'direct:0', names };

  function toInbound(call: OutgoingCall): Inbound & { detach(): void } {
    // The callee's cancellation is its own: ending its call must not end the caller's others.
    const cancellation = new Cancellation();
    const detach = call.cancellation?.onCancel(() => cancellation.cancel()) ?? nothing;
    const { path, deadlineAt } = call;
    return { path, metadata: call.metadata as Metadata, deadlineAt, peer, cancellation, detach };
  }

  return {
    target: options.target,
    async unary(call, request) {
      const inbound = toInbound(call);
      const reply = options.dispatcher().unaryDirect(inbound, clone(call.method.input, request));
      const done = await untilDeadline(inbound, reply);
      inbound.detach();
      if (done.status !== undefined) throw errorOf(done.status);
      return clone(call.method.output, done.message);
    },
    async *stream(call, requests) {
      const inbound = toInbound(call);
      const answers = createQueue<Message>();
      let taken: (() => void) | undefined;
      answers.onTake(() => taken?.());
      const send = (message: Message) => {
        answers.push(clone(call.method.output, message));
        // One answer waits at most: a slow reader slows the handler, as on the wire.
        return new Promise<void>((resolve) => {
          taken = resolve;
          inbound.cancellation.onCancel(resolve);
        });
      };
      const input = cloned(call, requests);
      void options
        .dispatcher()
        .streamDirect(inbound, input, send)
        .then((status) => {
          if (status.code === 0) answers.end();
          else answers.fail(errorOf(status));
        });
      try {
        yield* answers;
      } finally {
        inbound.cancellation.cancel();
        inbound.detach();
      }
    },
    close: nothing,
  };
}

function nothing() {}

async function* cloned(call: OutgoingCall, requests: AsyncIterable<Message>) {
  for await (const request of requests) yield clone(call.method.input, request);
}

function errorOf(status: ReplyStatus): RpcError {
  return rpcErrorOfWire({ ...status, trailers: {}, notProcessed: false });
}

/** Answers at the deadline although the handler may still run, as an engine does. */
function untilDeadline<Reply>(inbound: Inbound, reply: Promise<Reply>): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      inbound.cancellation.cancel();
      reject(new RpcError('deadline_exceeded', 'the deadline has passed'));
    }, inbound.deadlineAt - Date.now());
    inbound.cancellation.onCancel(() => {
      clearTimeout(timer);
      reject(new RpcError('cancelled', 'cancelled by the caller'));
    });
    void reply.then((value) => {
      clearTimeout(timer);
      resolve(value);
    });
  });
}
