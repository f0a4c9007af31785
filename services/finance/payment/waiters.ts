import { detached } from '#kit/scope.ts';
import type { PaymentRecord } from './domain/record.ts';
import { limits } from './domain.ts';

/** Callers that wait for payments to come to something. */
export interface Waiters {
  /** Resolves true once `isDone` says so of the payment, and false when `until` resolves first. */
  wait(
    paymentId: string,
    isDone: (record: PaymentRecord) => boolean,
    until: Promise<unknown>,
  ): Promise<boolean>;
  /** Payments as this process has just written them. */
  tell(records: readonly PaymentRecord[]): void;
  stop(): void;
}

interface Waiting {
  /** Milliseconds, by performance.now(). */
  since: number;
  hears: Set<(record: PaymentRecord) => void>;
}

/**
 * Hears of changes that this process writes at once; what other processes find out is looked up now and then, in one
 * query for all who have waited for a while.
 */
export function createWaiters(
  read: (paymentIds: readonly string[]) => Promise<readonly PaymentRecord[]>,
): Waiters {
  const waiting = new Map<string, Waiting>();
  let timer: NodeJS.Timeout | undefined;

  function tell(records: readonly PaymentRecord[]): void {
    if (waiting.size === 0) return;
    for (const record of records) {
      for (const hear of waiting.get(record.paymentId)?.hears ?? []) hear(record);
    }
  }

  /** For all who wait, so not with the budget of the one who was first. */
  async function look(): Promise<void> {
    const before = performance.now() - limits.lookMs;
    const ids = [...waiting].filter(([, { since }]) => since <= before).map(([id]) => id);
    // A look that fails is repeated; those who wait have their own end.
    if (ids.length > 0)
      tell(await detached({ timeoutMs: limits.driveMsMax }, () => read(ids)).catch(() => []));
    timer = undefined;
    schedule();
  }

  function schedule(): void {
    if (waiting.size > 0) timer ??= setTimeout(() => void look(), limits.lookMs);
  }

  return {
    tell,
    wait(paymentId, isDone, until) {
      return new Promise((resolve) => {
        const entry = waiting.get(paymentId) ?? { since: performance.now(), hears: new Set() };
        waiting.set(paymentId, entry);
        const hear = (record: PaymentRecord) => {
          if (isDone(record)) leave(true);
        };
        const leave = (isFound: boolean) => {
          entry.hears.delete(hear);
          if (entry.hears.size === 0 && waiting.get(paymentId) === entry) waiting.delete(paymentId);
          resolve(isFound);
        };
        entry.hears.add(hear);
        void until.then(() => leave(false));
        schedule();
      });
    },
    stop: () => clearTimeout(timer),
  };
}
