/** Errors to google.rpc.Status and back: the one place that knows how a refusal looks on the wire. */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Any, AnySchema, anyPack, anyUnpack } from '@bufbuild/protobuf/wkt';
import { BadRequestSchema, ErrorInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { type Status, StatusSchema } from '#gen/google/rpc/status_pb.ts';
import { ErrorReason, ErrorReasonSchema } from '#gen/platform/policy/v1/policy_pb.ts';
import {
  codeFromNumber,
  codes,
  type DomainError,
  type FieldViolation,
  meshErrorDomain,
  RecordedRefusal,
  RpcError,
} from '../errors.ts';
import { limits } from '../limits.ts';
import type { Metadata, ReplyStatus, WireStatus } from './engine.ts';

const prefix = 'ERROR_REASON_';

const meshReasons = new Set(
  ErrorReasonSchema.values
    .filter((value) => value.number !== ErrorReason.UNSPECIFIED)
    .map((value) => value.name.slice(prefix.length)),
);

/** A refusal as google.rpc.Status. `domain` is the full name of the service that refuses. */
export function statusOfDomainError(
  error: DomainError<Record<string, string>>,
  domain: string,
): Status {
  const details: Any[] = [
    anyPack(
      ErrorInfoSchema,
      create(ErrorInfoSchema, {
        reason: error.reason,
        domain: meshReasons.has(error.reason) ? meshErrorDomain : domain,
        metadata: error.metadata,
      }),
    ),
  ];
  if (error.violations.length > 0) {
    const fieldViolations = firstViolations(error.violations);
    details.push(anyPack(BadRequestSchema, create(BadRequestSchema, { fieldViolations })));
  }
  const message = error.message.slice(0, limits.errorTextMax).toWellFormed();
  return create(StatusSchema, { code: codes[error.code], message, details });
}

/** As many violations as fit into the trailers; whoever breaks hundreds of rules learns of the first. */
function firstViolations(violations: readonly FieldViolation[]): FieldViolation[] {
  const first: FieldViolation[] = [];
  let bytes = 0;
  for (const { field, description } of violations) {
    bytes += Buffer.byteLength(field) + Buffer.byteLength(description) + 16;
    if (bytes > limits.errorDetailsBytesMax / 2) break;
    first.push({ field, description });
  }
  return first;
}

/** A status as it goes out. Details that would not fit into the trailers are left out: code and text say what happened. */
export function replyOfStatus(status: Status): ReplyStatus {
  const { code, message } = status;
  const details = toBinary(StatusSchema, status);
  const fits = details.length <= limits.errorDetailsBytesMax;
  return { code, message, details: fits ? details : undefined, trailers: undefined };
}

/** The status of a call that went well. */
export const okStatus: ReplyStatus = {
  code: 0,
  message: '',
  details: undefined,
  trailers: undefined,
};

/** The answer to a call of what nobody here implements. */
export function unimplemented(path: string): ReplyStatus {
  return { ...okStatus, code: codes.unimplemented, message: `no method ${path} here` };
}

const notProcessedKey = 'x-meshwork-not-processed';

/** The trailers of a call that was refused before its handler was called: it may be sent again, whatever it does. */
export const notProcessedTrailers: Metadata = Object.freeze({ [notProcessedKey]: '1' });

/** Whether a failed call certainly had no effect, because it never left or because the server says so. */
export function isNotProcessed(wire: WireStatus): boolean {
  return wire.notProcessed || wire.trailers[notProcessedKey] !== undefined;
}

/** A failed call as its caller sees it. */
export function rpcErrorOfWire(wire: WireStatus): RpcError {
  const read = wire.details === undefined ? {} : readDetails(wire.details);
  return new RpcError(codeFromNumber(wire.code), wire.message, {
    ...read,
    details: wire.details,
    notProcessed: isNotProcessed(wire),
  });
}

/** An item of a batch that was refused, as the caller of the single method would have seen it. */
export function rpcErrorOfStatus(status: Status): RpcError {
  const details = toBinary(StatusSchema, status);
  return new RpcError(codeFromNumber(status.code), status.message, {
    ...readDetails(details),
    details,
  });
}

/** A recorded refusal, ready to go out again. */
export function recordedRefusal(status: Status): RecordedRefusal {
  const details = toBinary(StatusSchema, status);
  return new RecordedRefusal(codeFromNumber(status.code), status.message, {
    ...readDetails(details),
    details,
  });
}

function readDetails(details: Uint8Array) {
  const out: {
    reason?: string;
    domain?: string;
    metadata?: Record<string, string>;
    violations?: { field: string; description: string }[];
  } = {};
  let status: Status;
  try {
    status = fromBinary(StatusSchema, details);
  } catch {
    // Details that cannot be read are a peer's fault; the code and the message still say what happened.
    return out;
  }
  for (const any of status.details) {
    const info = anyUnpack(create(AnySchema, any), ErrorInfoSchema);
    if (info) {
      out.reason = info.reason;
      out.domain = info.domain;
      out.metadata = info.metadata;
    }
    const bad = anyUnpack(any, BadRequestSchema);
    if (bad)
      out.violations = bad.fieldViolations.map(({ field, description }) => ({
        field,
        description,
      }));
  }
  return out;
}
