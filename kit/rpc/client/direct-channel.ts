import { clone, type Message } from '@bufbuild/protobuf';
import { RpcError } from '../../errors.ts';
import { spiffeId } from '../../identity/caller.ts';
import { Cancellation } from '../../scope.ts';
import { onDeadline } from '../deadline-timer.ts';
import type { Inbound, Metadata, Peer, ReplyStatus } from '../engine.ts';
import { createQueue, sendInto } from '../queue.ts';
import type { MessageDispatcher } from '../server/dispatcher.ts';
import { rpcErrorOfWire } from '../status.ts';
import type { Channel, OutgoingCall } from './channel.ts';

/**
 * The way to a service in the same process: no bytes and no socket, but the same interceptors, deadline, policy and
 * errors. Messages are cloned both ways, for a shared mutable message is a bug that the wire would have hidden. What
 * only a wire can have is not here: limits on bytes, balancing, retries.
 */
export function createDirectChannel(options: {
  target: string;
  /** The calling service, whose identity needs no token inside one process. */
  caller: string | undefined;
  dispatcher: () => MessageDispatcher;
}): Channel {
  const { target, dispatcher } = options;
  const names = options.caller === undefined ? [] : [spiffeId(options.caller)];
  const peer: Peer = { address: 'direct:0', names };

  function unary(call: OutgoingCall, request: Message): Promise<Message> {
    return new Promise((resolve, reject) => {
      const inbound = begin(call, peer, reject);
      if (inbound === undefined) return;
      const body = clone(call.method.input, request);
      void dispatcher()
        .unaryDirect(inbound, body)
        .then((answer) => {
          inbound.finish();
          if (answer.status !== undefined) reject(errorOf(answer.status));
          else resolve(clone(call.method.output, answer.body));
        });
    });
  }

  async function* stream(call: OutgoingCall, requests: AsyncIterable<Message>) {
    const answers = createQueue<Message>();
    const inbound = begin(call, peer, (error) => answers.fail(error));
    if (inbound !== undefined) {
      const send = sendInto(answers, inbound.cancellation);
      const bodies = sent(call, requests, (error) => inbound.end(error));
      void dispatcher()
        .streamDirect(inbound, bodies, (answer) => send(clone(call.method.output, answer)))
        .then((status) => {
          if (status.code === 0) answers.end();
          else answers.fail(errorOf(status));
        });
    }
    try {
      yield* answers;
    } finally {
      inbound?.finish();
      inbound?.cancellation.cancel();
    }
  }

  return { target, unary, stream, close() {} };
}

interface DirectCall extends Inbound {
  /** Ends the call with an error on the caller's side, and tells the handler. */
  end(error: unknown): void;
  /** The call was answered: its deadline and its caller's cancellation are of no more interest. */
  finish(): void;
}

/**
 * Begins a call as an engine would: it ends at its deadline or when its caller gives up, although the handler may still
 * run. Undefined when the caller had given up before.
 */
function begin(
  call: OutgoingCall,
  peer: Peer,
  onEnd: (error: unknown) => void,
): DirectCall | undefined {
  if (call.cancellation?.cancelled) {
    onEnd(new RpcError('cancelled', 'cancelled by the caller', { notProcessed: true }));
    return undefined;
  }
  // The callee's cancellation is its own: ending its call must not end the caller's others.
  const cancellation = new Cancellation();
  const end = (error: unknown) => {
    finish();
    onEnd(error);
    cancellation.cancel();
  };
  const timer = onDeadline(call.deadlineAt, () =>
    end(new RpcError('deadline_exceeded', 'the deadline has passed')),
  );
  const detach = call.cancellation?.onCancel(() =>
    end(new RpcError('cancelled', 'cancelled by the caller')),
  );
  function finish() {
    clearTimeout(timer);
    detach?.();
  }
  const { path, deadlineAt } = call;
  const metadata = call.metadata as Metadata;
  return { path, metadata, deadlineAt, peer, cancellation, end, finish };
}

/** The requests as the callee gets them. When their source fails, the caller gets that error, and the callee only an end. */
async function* sent(
  call: OutgoingCall,
  requests: AsyncIterable<Message>,
  onFailure: (error: unknown) => void,
) {
  try {
    for await (const request of requests) yield clone(call.method.input, request);
  } catch (error) {
    onFailure(error);
  }
}

function errorOf(status: ReplyStatus): RpcError {
  return rpcErrorOfWire({ ...status, trailers: status.trailers ?? {}, notProcessed: false });
}
