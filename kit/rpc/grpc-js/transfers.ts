import { constants, type ServerHttp2Stream } from 'node:http2';
import type { ServerInterceptingCallInterface } from '@grpc/grpc-js';
import { limits } from '../../limits.ts';

/** A call that a transfer is part of. */
export interface Transfer {
  readonly call: ServerInterceptingCallInterface;
  /** Since when, in milliseconds of `performance.now`, bytes are due; undefined while the handler works. */
  movingSince: number | undefined;
}

/** The calls of one listener, of which those whose peers stand still are reset. */
export interface Transfers {
  readonly open: Set<Transfer>;
  stop(): void;
}

/** Resets what has been due for longer than `msMax`. It looks now and then. */
export function createTransfers(msMax: number): Transfers {
  const open = new Set<Transfer>();
  function look() {
    const due = performance.now() - msMax;
    for (const transfer of open) {
      if (transfer.movingSince === undefined || transfer.movingSince > due) continue;
      open.delete(transfer);
      reset(transfer);
    }
  }
  const timer = setInterval(look, msMax / limits.transferLooks).unref();
  return { open, stop: () => clearInterval(timer) };
}

/** The HTTP/2 stream of a call, which grpc-js keeps to itself. */
export function streamOf(call: ServerInterceptingCallInterface): ServerHttp2Stream {
  return (call as unknown as { stream: ServerHttp2Stream }).stream;
}

/** Resets a call that is over for us and whose answer waits still: its deadline has passed. */
export function resetUntaken(transfer: Transfer): void {
  const { closed, writableFinished } = streamOf(transfer.call);
  if (!closed && !writableFinished) reset(transfer);
}

function reset({ call }: Transfer): void {
  streamOf(call).close(constants.NGHTTP2_CANCEL);
}
