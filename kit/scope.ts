/**
 * The ambient scope of the work in hand: how long it may take, on whose behalf, in which trace, and whether anybody still
 * waits for it. A server opens one for each call; clients, the database and the bus read it, so that no handler passes
 * deadlines along by hand.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { TraceContext } from './telemetry/trace.ts';

/** What is known of the work in hand. It follows the work through every `await`. */
export interface Scope {
  /** Milliseconds since the epoch; Infinity when nobody set one. */
  readonly deadlineAt: number;
  readonly trace: TraceContext | undefined;
  /** The caller's `authorization` header where calls made on its behalf carry it on (the gateway). */
  readonly authorization: string | undefined;
  /** Where the person is who is called for; absent where nobody is. */
  readonly origin?: Origin;
  readonly cancellation: Cancellation | undefined;
}

/** Where a call of a person came from. Empty where it is not known. */
export interface Origin {
  /** The IP address. */
  readonly address: string;
  /** The program, as it says of itself. */
  readonly userAgent: string;
}

/** Says that nobody waits any more. Cheaper than an AbortSignal, which is made only when somebody asks for one. */
export class Cancellation {
  #listeners: Set<() => void> | undefined;
  #controller: AbortController | undefined;
  #cancelled = false;

  get cancelled(): boolean {
    return this.#cancelled;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#cancelled) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  cancel(): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    this.#controller?.abort();
    const listeners = this.#listeners;
    this.#listeners = undefined;
    if (listeners) for (const listener of listeners) listener();
  }

  /** Calls `listener` once at cancellation, at once when it already happened. The answer unsubscribes. */
  onCancel(listener: () => void): () => void {
    if (this.#cancelled) {
      listener();
      return noop;
    }
    this.#listeners ??= new Set();
    const listeners = this.#listeners;
    listeners.add(listener);
    return () => listeners.delete(listener);
  }
}

function noop() {}

const storage = new AsyncLocalStorage<Scope | undefined>();

/** The scope of the work in hand; undefined where nobody opened one. */
export function currentScope(): Scope | undefined {
  return storage.getStore();
}

/** Runs `work`, with all that it awaits and starts, in `scope` and no longer in the present one. */
export function runInScope<Result>(scope: Scope, work: () => Result): Result {
  return storage.run(scope, work);
}

/** What is left of the current budget in milliseconds; Infinity outside of any. */
export function remainingMs(): number {
  return (storage.getStore()?.deadlineAt ?? Number.POSITIVE_INFINITY) - Date.now();
}

/**
 * Runs work that must go on when its caller has gone (a compensation, a relay, a batch for many callers), with a budget
 * of its own: never with what is left of a cancelled one. The trace goes on when one is given.
 */
export function detached<Result>(
  options: { timeoutMs: number; trace?: TraceContext | undefined },
  work: () => Result,
): Result {
  const scope: Scope = {
    deadlineAt: Date.now() + options.timeoutMs,
    trace: options.trace,
    authorization: undefined,
    cancellation: undefined,
  };
  return storage.run(scope, work);
}
