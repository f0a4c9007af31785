/** What every call of a server goes through, unary or not: the interceptors on its way in and out, and its failure. */
import type { DescMethod, Message } from '@bufbuild/protobuf';
import { codes } from '../../errors.ts';
import type { ReplyStatus } from '../engine.ts';
import type { Policy } from '../policy.ts';
import { notProcessedTrailers } from '../status.ts';
import type { BusyCount } from './busy-count.ts';
import type { ServerCall } from './call.ts';
import type { ServerInterceptor } from './interceptor.ts';
import { mapError } from './interceptors/error-mapping.ts';

/** What the calls of one server have in common. */
export interface Pipeline {
  /** The methods that are answered here, by path. */
  readonly entries: Map<string, Entry>;
  readonly chain: readonly ServerInterceptor[];
  readonly forwardsErrors: boolean;
  readonly openStreams: Set<ServerCall>;
  /** Calls and handlers at work. */
  readonly busy: BusyCount;
}

/** A method and whoever answers it. */
export interface Entry {
  path: string;
  method: DescMethod;
  policy: Policy;
  // biome-ignore lint/suspicious/noExplicitAny: typed by Handlers<Service>, where it was written.
  handler: (request: any, call: ServerCall) => any;
}

/** Nobody waits for the call any more: its caller gave up, its time is over or the server goes down. */
export class CallEnded extends Error {}

/** Goes on from the interceptor that was reached; answers a promise only when one of them does. */
export function startCall(pipeline: Pipeline, call: ServerCall): void | Promise<void> {
  const { chain } = pipeline;
  while (call.reached < chain.length) {
    const interceptor = chain[call.reached]!;
    call.reached += 1;
    const pending = interceptor.start?.(call);
    if (pending !== undefined) return startRest(pipeline, call, pending);
  }
}

/** A function of its own, as `checkRest` is: every call would pay for the closure that only some of them need. */
async function startRest(
  pipeline: Pipeline,
  call: ServerCall,
  pending: Promise<void>,
): Promise<void> {
  await pending;
  await startCall(pipeline, call);
}

/** Shows a request to every interceptor; answers a promise only when one of them does. */
export function checkRequest(
  { chain }: Pipeline,
  call: ServerCall,
  request: Message,
): void | Promise<void> {
  for (let i = 0; i < chain.length; i += 1) {
    const pending = chain[i]!.request?.(call, request);
    if (pending !== undefined) return checkRest(chain.slice(i + 1), call, request, pending);
  }
}

async function checkRest(
  rest: readonly ServerInterceptor[],
  call: ServerCall,
  request: Message,
  pending: Promise<void>,
): Promise<void> {
  await pending;
  for (const interceptor of rest) await interceptor.request?.(call, request);
}

/** Notes the failure of a call in it, and answers the status by which its caller hears of it. */
export function failCall(pipeline: Pipeline, call: ServerCall, error: unknown): ReplyStatus {
  const status = mapError(call, error, pipeline.forwardsErrors);
  call.error = error;
  call.code = status.code;
  if (status.code === codes.unavailable && !call.isBegun) {
    return { ...status, trailers: notProcessedTrailers };
  }
  return status;
}

/** Ends what interceptors began, the last first. */
export function endCall({ chain }: Pipeline, call: ServerCall): void {
  for (let i = call.reached - 1; i >= 0; i -= 1) chain[i]!.end?.(call);
}

/** Waits for the work of a handler, or until nobody waits for the call: then the work is left to itself. */
export function whileWanted<Result>(
  { busy }: Pipeline,
  call: ServerCall,
  work: Promise<Result>,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const unsubscribe = call.cancellation.onCancel(() => {
      busy.track(work);
      reject(new CallEnded());
    });
    work.then(
      (result) => {
        unsubscribe();
        resolve(result);
      },
      (error) => {
        unsubscribe();
        reject(error);
      },
    );
  });
}
