import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import { runInScope } from '../../scope.ts';
import type { Form } from '../codec.ts';
import type { Inbound, Reply } from '../engine.ts';
import { unimplemented } from '../status.ts';
import { ServerCall } from './call.ts';
import {
  checkRequest,
  endCall,
  failCall,
  type Pipeline,
  startCall,
  whileWanted,
} from './pipeline.ts';

/** Answers a call of one request and one response. Never rejects. */
export async function answerUnary<Body>(
  pipeline: Pipeline,
  form: Form<Body>,
  inbound: Inbound,
  body: Body,
): Promise<Reply<Body>> {
  const entry = pipeline.entries.get(inbound.path);
  if (entry === undefined) return { status: unimplemented(inbound.path) };
  const call = new ServerCall(entry.method, entry.policy, entry.path, inbound);
  pipeline.busy.enter();
  try {
    const starting = startCall(pipeline, call);
    if (starting !== undefined) await starting;
    const request = form.read(entry.method.input, body);
    const checking = checkRequest(pipeline, call, request);
    if (checking !== undefined) await checking;
    call.isBegun = true;
    const response = runInScope(call, () => entry.handler(request, call));
    if (!isPromise(response)) return { body: form.write(entry.method.output, response) };
    // Engines end calls whose deadline they know; a deadline that was set here ends the wait, not the handler.
    const awaited = await (call.hasExpiry ? whileWanted(pipeline, call, response) : response);
    return { body: form.write(entry.method.output, awaited) };
  } catch (error) {
    return { status: failCall(pipeline, call, error) };
  } finally {
    endCall(pipeline, call);
    pipeline.busy.leave();
  }
}

function isPromise(value: unknown): value is Promise<MessageInitShape<DescMessage>> {
  return typeof (value as { then?: unknown } | undefined)?.then === 'function';
}
