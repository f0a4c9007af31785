/** The refusals that the kit makes itself, one class each; the reasons are platform.policy.v1.ErrorReason. Pure. */
import { DomainError, type FieldViolation } from './errors.ts';

/** The request_id was used before, for another request. */
export class RequestIdReused extends DomainError<{ request_id: string }> {
  readonly code = 'already_exists';
  readonly reason = 'REQUEST_ID_REUSED';
}

/** Nobody is signed in, and the method wants somebody. */
export class CredentialsRequired extends DomainError {
  readonly code = 'unauthenticated';
  readonly reason = 'CREDENTIALS_REQUIRED';
}

/** The token is malformed, forged or not for this mesh. */
export class CredentialsInvalid extends DomainError {
  readonly code = 'unauthenticated';
  readonly reason = 'CREDENTIALS_INVALID';
}

/** The token was good once. */
export class CredentialsExpired extends DomainError {
  readonly code = 'unauthenticated';
  readonly reason = 'CREDENTIALS_EXPIRED';
}

/** The person was suspended or signed out everywhere. */
export class SessionRevoked extends DomainError {
  readonly code = 'unauthenticated';
  readonly reason = 'SESSION_REVOKED';
}

/** The policy of the method does not admit this caller. */
export class CallerNotAllowed extends DomainError {
  readonly code = 'permission_denied';
  readonly reason = 'CALLER_NOT_ALLOWED';
}

/** Too many calls by this caller. */
export class RateLimited extends DomainError<{ retry_after_ms: string }> {
  readonly code = 'resource_exhausted';
  readonly reason = 'RATE_LIMITED';
}

/** The process sheds load. */
export class Overloaded extends DomainError {
  readonly code = 'resource_exhausted';
  readonly reason = 'OVERLOADED';
}

/** What is left of the deadline cannot suffice; nothing was begun. */
export class DeadlineTooShort extends DomainError {
  readonly code = 'deadline_exceeded';
  readonly reason = 'DEADLINE_TOO_SHORT';
}

/** The process is going down; another one takes the call. */
export class Draining extends DomainError {
  readonly code = 'unavailable';
  readonly reason = 'DRAINING';
  override readonly isRetryable = true;
}

/** The public door cannot reach a service, or lost it before it answered; why is for the log alone. */
export class ServiceUnreachable extends DomainError<{ service: string }> {
  readonly code = 'unavailable';
  readonly reason = 'SERVICE_UNREACHABLE';
}

/** Another call changed the same thing at the same time, or the database was busy. Nothing was done. */
export class Conflict extends DomainError {
  readonly code = 'aborted';
  readonly reason = 'CONFLICT';
}

/** The page token was made for another query or is damaged. */
export class InvalidPageToken extends DomainError {
  readonly code = 'invalid_argument';
  readonly reason = 'INVALID_PAGE_TOKEN';
}

/** One or more fields break their rules. */
export class FieldsInvalid extends DomainError {
  readonly code = 'invalid_argument';
  readonly reason = 'FIELD_INVALID';
  override readonly violations: readonly FieldViolation[];

  constructor(violations: readonly FieldViolation[]) {
    super();
    this.violations = violations;
  }

  /** With the first of them, for tools that show no details. */
  override get message(): string {
    const [first, ...others] = this.violations;
    if (first === undefined) return super.message;
    const more = others.length === 0 ? '' : `, and ${others.length} more`;
    return `${super.message} (${first.field}: ${first.description}${more})`;
  }
}

/**
 * Whether a refusal speaks of this moment and not of the request: the same request may be obeyed in the next. It is never
 * recorded as an answer.
 */
export function isOfTheMoment(error: DomainError<Record<string, string>>): boolean {
  return momentary.some((kind) => error instanceof kind);
}

const momentary = [
  RateLimited,
  Overloaded,
  DeadlineTooShort,
  Draining,
  ServiceUnreachable,
  Conflict,
];
