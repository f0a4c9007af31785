import { codes } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { clientRetries } from '../../telemetry/metrics.ts';
import type { WireStatus } from '../engine.ts';
import { isNotProcessed } from '../status.ts';
import type { OutgoingCall } from './channel.ts';

/** An attempt that failed. */
export interface Failure {
  call: OutgoingCall;
  reply: WireStatus;
  /** Attempts made so far, this one included. */
  attempts: number;
  /** Whether the contract says that the same request may be sent twice. */
  isRepeatable: boolean;
}

/** Decides about further attempts of calls to one service, within a budget that all of them share. */
export interface RetryPolicy {
  /** Milliseconds to wait before the next attempt; undefined when there must be none. */
  next(failure: Failure): number | undefined;
  succeeded(): void;
  readonly tokens: number;
}

const pushback = 'grpc-retry-pushback-ms';

/**
 * Retries only UNAVAILABLE, and only requests that have at most one effect or that surely never arrived. The budget
 * keeps a failing service from being buried under its callers' retries: each failure takes a token, each success
 * gives a tenth back, and below half there are none. What never arrived costs no token, for it cost the service nothing,
 * and goes to the next address at once. Source: gRFC A6.
 */
export function createRetryPolicy(random: () => number = Math.random): RetryPolicy {
  let tokens: number = limits.retryTokensMax;

  function backoffMs(attempts: number): number {
    const most = Math.min(limits.retryBackoffMsMax, limits.retryBackoffMsMin * 4 ** (attempts - 1));
    return most * (0.5 + random() / 2);
  }

  return {
    get tokens() {
      return tokens;
    },
    succeeded() {
      tokens = Math.min(limits.retryTokensMax, tokens + limits.retryTokensPerSuccess);
    },
    next({ call, reply, attempts, isRepeatable }) {
      if (reply.code !== codes.unavailable) return undefined;
      const isSafe = isNotProcessed(reply);
      if (!isSafe) tokens = Math.max(0, tokens - 1);
      if (!isRepeatable && !isSafe) return undefined;
      if (attempts >= limits.attemptsMax) return undefined;
      const labels = { service: call.method.parent.typeName, method: call.method.name };
      if (!isSafe && tokens <= limits.retryTokensMax / 2) {
        clientRetries.inc({ ...labels, outcome: 'throttled' });
        return undefined;
      }
      const asked = Number(reply.trailers[pushback]);
      if (asked < 0) return undefined;
      const waitMs = asked >= 0 ? asked : isSafe && attempts === 1 ? 0 : backoffMs(attempts);
      if (Date.now() + waitMs + limits.deadlineUsefulMsMin > call.deadlineAt) return undefined;
      clientRetries.inc({ ...labels, outcome: 'sent' });
      return waitMs;
    },
  };
}
