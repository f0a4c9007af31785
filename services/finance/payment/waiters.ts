import { limits } from './domain.ts';
import type { PaymentRecord } from './store.ts';

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

/**
 * Hears of changes that this process writes at once; what other processes find out is looked up now and then, for all
 * who wait in one query.
 */
export function createWaiters(
  read: (paymentIds: readonly string[]) => Promise<readonly PaymentRecord[]>,
): Waiters {
  const waiting = new Map<string, Set<(record: PaymentRecord) => void>>();
  let timer: NodeJS.Timeout | undefined;

  function tell(records: readonly PaymentRecord[]): void {
    if (waiting.size === 0) return;
    for (const record of records)
      for (const hear of waiting.get(record.paymentId) ?? []) hear(record);
  }

  async function look(): Promise<void> {
    // A look that fails is repeated; those who wait have their own end.
    tell(await read([...waiting.keys()]).catch(() => []));
    timer = undefined;
    schedule();
  }

  function schedule(): void {
    if (waiting.size > 0) timer ??= setTimeout(() => void look(), limits.lookMs);
  }

  return {
    tell,
    async wait(paymentId, isDone, until) {
      const heard = new Promise<boolean>((resolve) => {
        const hear = (record: PaymentRecord) => {
          if (isDone(record)) leave(true);
        };
        const leave = (isFound: boolean) => {
          const others = waiting.get(paymentId);
          others?.delete(hear);
          if (others?.size === 0) waiting.delete(paymentId);
          resolve(isFound);
        };
        const listeners = waiting.get(paymentId) ?? new Set();
        waiting.set(paymentId, listeners.add(hear));
        void until.then(() => leave(false));
        schedule();
      });
      return heard;
    },
    stop: () => clearTimeout(timer),
  };
}
