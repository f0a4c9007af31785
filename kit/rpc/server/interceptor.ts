import type { Message } from '@bufbuild/protobuf';
import type { ServerCall } from './call.ts';

/**
 * One concern of every call, in one file. Interceptors run in the order of their list: `start` of each before the
 * handler, `request` of each for every request message (once for a unary call), `end` of each in reverse order, for
 * all whose `start` was reached, whether the call succeeded or not.
 *
 * The three are plain functions and not a chain of closures, so a call pays only for what really awaits: `start` and
 * `request` may return nothing, and then nothing is awaited. Throwing refuses the call.
 */
export interface ServerInterceptor {
  readonly name: string;
  start?(call: ServerCall): void | Promise<void>;
  request?(call: ServerCall, message: Message): void | Promise<void>;
  end?(call: ServerCall): void;
}
