/**
 * The errors of the platform. A service throws a `DomainError`; whoever called it catches an `RpcError`. Between the two
 * lies google.rpc.Status on the wire (kit/rpc/status.ts). This file is pure, so domain.ts may use it.
 */

/** gRPC status codes by name; the values are the numbers on the wire. Source: grpc/doc/statuscodes.md. */
export const codes = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalid_argument: 3,
  deadline_exceeded: 4,
  not_found: 5,
  already_exists: 6,
  permission_denied: 7,
  resource_exhausted: 8,
  failed_precondition: 9,
  aborted: 10,
  out_of_range: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  data_loss: 15,
  unauthenticated: 16,
} as const;

/** The name of a failure as DomainError and RpcError give it: "not_found". */
export type Code = Exclude<keyof typeof codes, 'ok'>;

const names = Object.keys(codes) as (keyof typeof codes)[];

/** The name of a status number; numbers that gRPC does not define count as `unknown`. */
export function codeFromNumber(value: number): Code {
  const name = names[value];
  return name === undefined || name === 'ok' ? 'unknown' : name;
}

/** One field that breaks a rule: `field` is its path in proto names ("lines[0].quantity"). */
export interface FieldViolation {
  field: string;
  description: string;
}

/**
 * Something a service refuses, for a reason that its caller can act upon. One class per failure fixes code and reason
 * and names the metadata that goes with it; the values are strings because ErrorInfo carries strings. `reason` is a
 * value of the service's ErrorReason enum without its prefix.
 */
export abstract class DomainError<
  Metadata extends Record<string, string> = Record<string, never>,
> extends Error {
  abstract readonly code: Code;
  abstract readonly reason: string;
  readonly metadata: Metadata;
  readonly violations: readonly FieldViolation[] = [];
  /**
   * Whether whoever called may send the same request again by itself when the code is `unavailable`. Only where this process
   * alone cannot: what a service needs it has tried for itself, and attempts of each of its callers would multiply.
   */
  readonly isRetryable: boolean = false;

  constructor(...[metadata]: Metadata extends Record<string, never> ? [] : [metadata: Metadata]) {
    super();
    this.metadata = (metadata ?? {}) as Metadata;
    this.name = new.target.name;
  }

  /** What a person reads: the reason in words, then the metadata. Never anything that is not in those two. */
  override get message(): string {
    const words = this.reason.toLowerCase().replaceAll('_', ' ');
    const facts = Object.entries(this.metadata).map(([key, value]) => `${key}: ${value}`);
    return facts.length === 0 ? words : `${words} (${facts.join(', ')})`;
  }
}

/** The ErrorInfo domain of refusals that the kit itself makes. */
export const meshErrorDomain = 'mesh';

/**
 * What a caller gets when a call fails: the code, and the typed reason where the service gave one. `domain` says who
 * refused: the full service name, or "mesh" for the kit.
 */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly code: Code;
  readonly reason: string;
  readonly domain: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly violations: readonly FieldViolation[];
  /** The serialised google.rpc.Status as it came, so that a proxy passes it on unchanged. */
  readonly details: Uint8Array | undefined;
  /** True when the request certainly never reached a handler: the only failure that is safe to send again. */
  readonly notProcessed: boolean;

  constructor(code: Code, message: string, more: RpcErrorDetails = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.code = code;
    this.reason = more.reason ?? '';
    this.domain = more.domain ?? '';
    this.metadata = more.metadata ?? {};
    this.violations = more.violations ?? [];
    this.details = more.details;
    this.notProcessed = more.notProcessed ?? false;
  }
}

/** A refusal that this service itself decided and recorded before: it goes out exactly as it did the first time. */
export class RecordedRefusal extends RpcError {}

/** What is known of a failure beside its code and text. The fields are those of RpcError. */
export interface RpcErrorDetails {
  reason?: string;
  domain?: string;
  metadata?: Record<string, string>;
  violations?: readonly FieldViolation[];
  details?: Uint8Array;
  notProcessed?: boolean;
  cause?: unknown;
}

/** Fails loudly when something that must hold does not: a bug, never bad input. */
export function assert(condition: unknown, claim: string): asserts condition {
  if (!condition) throw new AssertionError(claim);
}

/** Something that must hold does not: a bug. Callers get INTERNAL and never its text. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
  constructor(claim: string) {
    super(`broken: ${claim}`);
  }
}
