import { create, fromBinary } from '@bufbuild/protobuf';
import { type Status, StatusSchema } from '#gen/google/rpc/status_pb.ts';
import { translateDriverError } from '../../../db/errors.ts';
import { codes, DomainError, RecordedRefusal, RpcError } from '../../../errors.ts';
import { ServiceUnreachable } from '../../../mesh-errors.ts';
import { serviceOfType } from '../../../service.ts';
import type { ReplyStatus } from '../../engine.ts';
import { replyOfStatus, statusOfDomainError } from '../../status.ts';
import type { ServerCall } from '../call.ts';

/** Codes of a dependency that its caller may see as they are: they say "later", not what went on inside. */
const passed = new Set([
  'unavailable',
  'deadline_exceeded',
  'cancelled',
  'resource_exhausted',
  'aborted',
]);

/**
 * Turns whatever was thrown into a status. A DomainError becomes its code with ErrorInfo; a failed call to another
 * service becomes UNAVAILABLE and its like, or INTERNAL; a driver's error ABORTED or INTERNAL; anything else is a bug:
 * INTERNAL, and its text stays in the log. A proxy (`forwardsErrors`) passes refusals of the called service on whole.
 *
 * Only the client next to a failure tries again. A service that answers UNAVAILABLE because something behind it is has
 * tried already, so it asks for no more: three attempts at each of three hops would make 27 at the last one.
 */
export function mapError(call: ServerCall, thrown: unknown, forwardsErrors: boolean): ReplyStatus {
  const error = translateDriverError(thrown);
  if (error instanceof DomainError) return refused(error, call);
  if (error instanceof RecordedRefusal) return final(forwarded(error, call));
  if (call.isExpired) return plain(codes.deadline_exceeded, 'the deadline has passed');
  if (call.endedBy) return refused(call.endedBy, call);
  // What a handler throws once it was told to stop says nothing new.
  if (call.cancellation.cancelled) return endedByCaller(call);
  if (error instanceof RpcError) {
    if (forwardsErrors) return final(forwarded(error, call));
    if (passed.has(error.code))
      return final(plain(codes[error.code], `a service is ${error.code}`));
  }
  return plain(codes.internal, 'internal error');
}

function refused(error: DomainError<Record<string, string>>, call: ServerCall): ReplyStatus {
  const reply = replyOfStatus(statusOfDomainError(error, call.method.parent.typeName));
  return error.isRetryable ? reply : final(reply);
}

/**
 * A server's word that a client must not send the same request again by itself. It stays inside the mesh: strangers at the
 * public door hear only that the service is unavailable, and what they make of it is their choice. Source: gRFC A6, pushback.
 */
const noRetryTrailers = { 'grpc-retry-pushback-ms': '-1' };

function final(reply: ReplyStatus): ReplyStatus {
  return reply.code === codes.unavailable ? { ...reply, trailers: noRetryTrailers } : reply;
}

/** Nobody hears this answer any more; metrics tell a caller's patience from its deadline. */
function endedByCaller(call: ServerCall): ReplyStatus {
  return Date.now() >= call.deadlineAt
    ? plain(codes.deadline_exceeded, 'the deadline has passed')
    : plain(codes.cancelled, 'cancelled by the caller');
}

/** The status of one item of a batch, by the same rules. `domain` is the full name of the service. */
export function errorToStatus(thrown: unknown, domain: string): Status {
  const error = translateDriverError(thrown);
  if (error instanceof DomainError) return statusOfDomainError(error, domain);
  if (error instanceof RecordedRefusal && error.details)
    return fromBinary(StatusSchema, error.details);
  if (error instanceof RpcError && passed.has(error.code)) {
    return create(StatusSchema, { code: codes[error.code], message: `a service is ${error.code}` });
  }
  return create(StatusSchema, { code: codes.internal, message: 'internal error' });
}

/** What no server said is the words of a transport, which name addresses. */
function forwarded({ code, message, details }: RpcError, call: ServerCall): ReplyStatus {
  const { typeName } = call.method.parent;
  if (details === undefined && code === 'unavailable') {
    const unreachable = new ServiceUnreachable({ service: serviceOfType(typeName) });
    return replyOfStatus(statusOfDomainError(unreachable, typeName));
  }
  return { code: codes[code], message, details, trailers: undefined };
}

function plain(code: number, message: string): ReplyStatus {
  return { code, message, details: undefined, trailers: undefined };
}
