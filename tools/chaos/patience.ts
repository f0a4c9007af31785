/** How a good client waits, and how this run waits for what must come. */
import { RpcError } from '#kit/errors.ts';
import type { Person } from './people.ts';

const pollMs = 25;
const retryMsMin = 20;
const retryMsMax = 500;

/** Failures that say nothing final: the same request is sent again until somebody answers it. */
const passing = new Set([
  'unavailable',
  'deadline_exceeded',
  'aborted',
  'resource_exhausted',
  'cancelled',
  'unauthenticated',
]);

export function isPassing(error: unknown): boolean {
  return error instanceof RpcError && passing.has(error.code);
}

/** Failures by code and, where there is one, reason: "unavailable/OVERLOADED". */
export type Failures = Map<string, number>;

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Something did not come about in time. */
export class Overdue extends Error {}

/** Resolves once `isTrue` is. Throws Overdue, which names what was waited for. */
export async function until(
  what: string,
  timeoutMs: number,
  isTrue: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await isTrue())) {
    if (performance.now() > deadline) throw new Overdue(`${what} within ${timeoutMs} ms`);
    await pause(pollMs);
  }
}

/** Sends one request, the same each time, until it gets an answer or a refusal that is final. Throws the latter. */
export async function insist<Answer>(
  person: Person | undefined,
  failures: Failures,
  send: (attempt: number) => Promise<Answer>,
): Promise<Answer> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await send(attempt);
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      const name = error.reason === '' ? error.code : `${error.code}/${error.reason}`;
      failures.set(name, (failures.get(name) ?? 0) + 1);
      if (!isPassing(error)) throw error;
      // Whether it worked, the next attempt shows.
      if (error.code === 'unauthenticated') await person?.renew().catch(() => {});
      const asked = Number(error.metadata.retry_after_ms ?? 0);
      await pause(Math.max(asked, Math.min(retryMsMin * 2 ** attempt, retryMsMax)));
    }
  }
}

/**
 * Somebody else was faster, or there is not enough: that is an answer too, where it is expected. Answers undefined for a
 * refusal with one of these reasons.
 */
export async function tolerate<Answer>(
  reasons: string | readonly string[],
  work: () => Promise<Answer>,
): Promise<Answer | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof RpcError && [reasons].flat().includes(error.reason))) throw error;
    return undefined;
  }
}
