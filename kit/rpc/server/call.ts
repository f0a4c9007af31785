import type { DescMethod } from '@bufbuild/protobuf';
import type { DomainError } from '../../errors.ts';
import { type Caller, nobody, type User } from '../../identity/caller.ts';
import type { Sealer } from '../../identity/sealer.ts';
import { CredentialsRequired } from '../../mesh-errors.ts';
import type { Cancellation, Origin, Scope } from '../../scope.ts';
import type { Span, TraceContext } from '../../telemetry/trace.ts';
import { onDeadline } from '../deadline-timer.ts';
import type { Inbound, Metadata, Peer } from '../engine.ts';
import type { Policy } from '../policy.ts';
import { originOf } from './origin.ts';
import type { TrustedProxies } from './trusted-proxies.ts';

/** What a handler knows of the call it answers. It is also the ambient scope of all that the handler does. */
export interface Call {
  readonly method: DescMethod;
  readonly caller: Caller;
  /** Headers of the request. Identity, deadline and trace have been read from them already. */
  readonly metadata: Metadata;
  readonly peer: Peer;
  /** Where it came from at first, past proxies and the public door. Found out when first asked for. */
  readonly origin: Origin;
  /** Seals what its audit entry tells; absent where nothing is audited. */
  readonly auditSealer: Sealer | undefined;
  /** Milliseconds since the epoch. */
  readonly deadlineAt: number;
  /** Aborts when the caller gave up, the deadline passed or the server must stop. Made when first asked for. */
  readonly signal: AbortSignal;
  readonly cancellation: Cancellation;
  readonly trace: TraceContext | undefined;
}

/** The signed-in person of a call whose policy demands one. */
export function userOf(call: Call): User {
  if (call.caller.user === undefined) throw new CredentialsRequired();
  return call.caller.user;
}

const nowhere: Origin = { address: '', userAgent: '' };

/** The server's own view of a call: the same object, which the interceptors fill in turn. */
export class ServerCall implements Call, Scope {
  readonly method: DescMethod;
  readonly policy: Policy;
  readonly path: string;
  readonly metadata: Metadata;
  readonly cancellation: Cancellation;
  readonly startedAt: number = performance.now();
  readonly #inbound: Inbound;
  deadlineAt: number;
  caller: Caller = nobody;
  trace: TraceContext | undefined = undefined;
  authorization: string | undefined = undefined;
  auditSealer: Sealer | undefined = undefined;
  trustedProxies: TrustedProxies | undefined = undefined;
  span: Span | undefined = undefined;
  /** Set by the first failure; `end` of each interceptor sees it. */
  error: unknown = undefined;
  /** The status that goes out, set by error mapping; 0 is OK. */
  code = 0;
  /** Load shedding counts it as in flight. */
  isCounted = false;
  /** The deadline passed before the call was answered. */
  isExpired = false;
  /** Why the server ended it: it goes down, or the caller's session was revoked. */
  endedBy: DomainError | undefined = undefined;
  /** The handler was called: from here on the call may have had its effect. */
  isBegun = false;
  /** Interceptors whose `start` was reached; `end` runs for as many. */
  reached = 0;
  #origin: Origin | undefined;
  #expiry: NodeJS.Timeout | undefined;

  constructor(method: DescMethod, policy: Policy, path: string, inbound: Inbound) {
    this.method = method;
    this.policy = policy;
    this.path = path;
    this.metadata = inbound.metadata;
    this.cancellation = inbound.cancellation;
    this.deadlineAt = inbound.deadlineAt;
    this.#inbound = inbound;
  }

  get peer(): Peer {
    return this.#inbound.peer;
  }

  get origin(): Origin {
    this.#origin ??= this.trustedProxies ? originOf(this, this.trustedProxies) : nowhere;
    return this.#origin;
  }

  get signal(): AbortSignal {
    return this.cancellation.signal;
  }

  /** Sets the deadline here, and ends the call then: for deadlines that the engine does not know of. */
  expireAt(deadlineAt: number): void {
    this.deadlineAt = deadlineAt;
    this.#expiry = onDeadline(deadlineAt, () => {
      this.isExpired = true;
      this.stop();
    });
  }

  get hasExpiry(): boolean {
    return this.#expiry !== undefined;
  }

  stopExpiry(): void {
    clearTimeout(this.#expiry);
  }

  /** Ends the call from this side: whoever waits in it is cancelled. `why` is what the caller is told. */
  stop(why?: DomainError): void {
    this.endedBy ??= why;
    this.cancellation.cancel();
  }

  get isStream(): boolean {
    return this.method.methodKind !== 'unary';
  }
}
