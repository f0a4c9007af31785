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
  meshErrorDomain,
  RecordedRefusal,
  RpcError,
} from '../errors.ts';
import type { ReplyStatus, WireStatus } from './engine.ts';

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
    const fieldViolations = error.violations.map((violation) => ({ ...violation }));
    details.push(anyPack(BadRequestSchema, create(BadRequestSchema, { fieldViolations })));
  }
  return create(StatusSchema, { code: codes[error.code], message: error.message, details });
}

export function replyOfStatus(status: Status): ReplyStatus {
  return {
    code: status.code,
    message: status.message,
    details: toBinary(StatusSchema, status),
    trailers: undefined,
  };
}

/** A failed call as its caller sees it. */
export function rpcErrorOfWire(wire: WireStatus): RpcError {
  const read = wire.details === undefined ? {} : readDetails(wire.details);
  return new RpcError(codeFromNumber(wire.code), wire.message, {
    ...read,
    details: wire.details,
    notProcessed: wire.notProcessed,
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
