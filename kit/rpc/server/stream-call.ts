import type { DescMethod, Message } from '@bufbuild/protobuf';
import { FieldsInvalid } from '../../mesh-errors.ts';
import { runInScope } from '../../scope.ts';
import type { Form } from '../codec.ts';
import type { Inbound, ReplyStatus } from '../engine.ts';
import { okStatus, unimplemented } from '../status.ts';
import { ServerCall } from './call.ts';
import {
  CallEnded,
  checkRequest,
  endCall,
  failCall,
  type Pipeline,
  startCall,
  whileWanted,
} from './pipeline.ts';

/** Answers a call of which at least one side is a stream. Never rejects. */
export async function answerStream<Body>(
  pipeline: Pipeline,
  form: Form<Body>,
  inbound: Inbound,
  bodies: AsyncIterable<Body>,
  send: (body: Body) => Promise<void>,
): Promise<ReplyStatus> {
  const entry = pipeline.entries.get(inbound.path);
  if (entry === undefined) return unimplemented(inbound.path);
  const call = new ServerCall(entry.method, entry.policy, entry.path, inbound);
  const requests = requestsOf(pipeline, form, call, bodies);
  // From the start on: what ends streams must not miss one that is being let in.
  pipeline.openStreams.add(call);
  pipeline.busy.enter();
  try {
    const starting = startCall(pipeline, call);
    if (starting !== undefined) await starting;
    const input = isClientStream(entry.method) ? requests : await only(requests);
    call.isBegun = true;
    const output = runInScope(call, () => entry.handler(input, call));
    const write = (response: Message) => send(form.write(entry.method.output, response));
    if (isServerStream(entry.method)) await pump(pipeline, call, output, write);
    else await write(await whileWanted(pipeline, call, output));
    if (call.isExpired || call.endedBy !== undefined) throw new CallEnded();
    return okStatus;
  } catch (error) {
    return failCall(pipeline, call, error);
  } finally {
    pipeline.openStreams.delete(call);
    call.cancellation.cancel();
    void requests.return(undefined);
    endCall(pipeline, call);
    pipeline.busy.leave();
  }
}

function isClientStream(method: DescMethod): boolean {
  return method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming';
}

function isServerStream(method: DescMethod): boolean {
  return method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming';
}

/** The requests as the handler reads them. A call that broke off throws: what came must not look complete. */
async function* requestsOf<Body>(
  pipeline: Pipeline,
  form: Form<Body>,
  call: ServerCall,
  bodies: AsyncIterable<Body>,
): AsyncGenerator<Message, void, undefined> {
  const iterator = bodies[Symbol.asyncIterator]();
  try {
    for (;;) {
      const step = await whileWanted(pipeline, call, iterator.next());
      if (step.done) return;
      const request = form.read(call.method.input, step.value);
      const checking = checkRequest(pipeline, call, request);
      if (checking !== undefined) await checking;
      yield request;
    }
  } finally {
    close(pipeline, iterator);
  }
}

async function only(requests: AsyncGenerator<Message>): Promise<Message> {
  const first = await requests.next();
  if (first.done) {
    throw new FieldsInvalid([{ field: '', description: 'the call brought no request' }]);
  }
  return first.value;
}

/** Sends what a handler yields until it ends, or until nobody listens; then the handler's iterator is closed. */
async function pump(
  pipeline: Pipeline,
  call: ServerCall,
  output: AsyncIterable<Message>,
  write: (response: Message) => Promise<void>,
): Promise<void> {
  const iterator = output[Symbol.asyncIterator]();
  const next = () => iterator.next();
  try {
    for (;;) {
      if (call.cancellation.cancelled) throw new CallEnded();
      const step = await whileWanted(pipeline, call, runInScope(call, next));
      if (step.done) return;
      await write(step.value);
    }
  } catch (error) {
    runInScope(call, () => close(pipeline, iterator));
    throw error;
  }
}

/** Lets an iterator run its `finally`, whenever it gets there; its late failure is nobody's. */
function close({ busy }: Pipeline, iterator: AsyncIterator<unknown>): void {
  const closing = iterator.return?.();
  if (closing !== undefined) busy.track(closing);
}
