import { type DescMessage, type Message, toBinary } from '@bufbuild/protobuf';
import type { WireStream } from '../engine.ts';

/** The sending half of a stream, which goes on by itself while its reader reads. */
export interface RequestSender {
  /** The caller's own iterator failed: nobody can finish this call, and its error is the call's. */
  readonly failure: { error: unknown } | undefined;
  /** The call is over: nothing more is sent, and the caller's iterator is closed. */
  stop(): void;
}

/** Sends what the caller's iterator yields, at the pace of the transport, until it ends or is stopped. */
export function sendRequests(
  wire: WireStream,
  schema: DescMessage,
  requests: AsyncIterable<Message>,
): RequestSender {
  const iterator = requests[Symbol.asyncIterator]();
  let isStopped = false;
  let failure: { error: unknown } | undefined;

  async function run(): Promise<void> {
    try {
      while (!isStopped) {
        const step = await iterator.next();
        if (isStopped) return;
        if (step.done) return wire.end();
        await wire.send(toBinary(schema, step.value));
      }
    } catch (error) {
      if (isStopped) return;
      failure = { error };
      wire.cancel();
    }
  }

  void run();
  return {
    get failure() {
      return failure;
    },
    stop() {
      if (isStopped) return;
      isStopped = true;
      // Not awaited: an iterator that waits for something closes when it gets there.
      iterator.return?.()?.catch(() => {});
    },
  };
}
