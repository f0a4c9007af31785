import { AssertionError } from '../errors.ts';
import { limits } from '../limits.ts';
import { DeadlineTooShort, Overloaded } from '../mesh-errors.ts';
import { currentScope, detached } from '../scope.ts';
import { leadingTrace, type TraceContext } from '../telemetry/trace.ts';
import { observeWork } from '../telemetry/work-gauges.ts';

/** The outcome of one item of a batch: a value, or the error that this item alone gets. */
export type Outcome<Value> = { value: Value } | { error: unknown };

/** How batches are done, and how many of what size. */
export interface CoalescerOptions<Item, Value> {
  /** For errors and metrics: "commerce.inventory.reserve". */
  name: string;
  /**
   * Does a whole batch, and answers one outcome per item, in order. When it throws, every item of the batch gets that
   * error. It runs outside of any caller's scope, with `timeoutMs` as its budget, in the trace of one of its items.
   */
  run(items: Item[]): Promise<Outcome<Value>[]>;
  timeoutMs: number;
  /** Items in one batch. Default limits.coalesceBatchMax. */
  itemsMax?: number;
  /** Batches at once. Default 1: items that touch the same rows then never wait for each other's locks. */
  batchesMax?: number;
  /**
   * What waits is shared among the batches that may still begin, but into no smaller parts than this; without it, a batch
   * takes all that it may. For work that goes on while another batch waits for something.
   */
  shareMin?: number;
  /** Waiting items above which new ones are refused with OVERLOADED. Default limits.coalesceQueueMax. */
  queueMax?: number;
}

/** Takes items one by one and does them in batches. */
export interface Coalescer<Item, Value> {
  /**
   * Does one item. Throws the item's own error, Overloaded when too many wait already, or DeadlineTooShort when it
   * expired before its batch began.
   */
  do(item: Item): Promise<Value>;
  /** Resolves when nothing waits and nothing runs. */
  idle(): Promise<void>;
  /** Items that wait for their batch. */
  readonly waiting: number;
  /** Batches under way. */
  readonly running: number;
}

interface Waiting<Item, Value> {
  item: Item;
  deadlineAt: number;
  trace: TraceContext | undefined;
  resolve: (value: Value) => void;
  reject: (error: unknown) => void;
}

/**
 * Turns concurrent single calls into batches: a batch is whatever arrived while the last one was in flight. There is
 * no timer, so an idle coalescer adds one turn of the event loop and nothing else. Items whose deadline has passed are
 * dropped before the work, never after it.
 */
export function createCoalescer<Item, Value>(
  options: CoalescerOptions<Item, Value>,
): Coalescer<Item, Value> {
  const itemsMax = options.itemsMax ?? limits.coalesceBatchMax;
  const batchesMax = options.batchesMax ?? 1;
  const shareMin = options.shareMin ?? itemsMax;
  const queueMax = options.queueMax ?? limits.coalesceQueueMax;
  let queue: Waiting<Item, Value>[] = [];
  let running = 0;
  let scheduled = false;
  let idleWaiters: (() => void)[] = [];

  function schedule() {
    if (scheduled || running >= batchesMax || queue.length === 0) return;
    scheduled = true;
    // setImmediate and not a microtask: all calls that the same socket read brought join the same batch.
    setImmediate(startBatch);
  }

  function startBatch() {
    scheduled = false;
    const batch = takeBatch();
    if (batch.length === 0) {
      if (queue.length === 0) wakeIdle();
      return;
    }
    running += 1;
    const trace = leadingTrace(batch.map((waiting) => waiting.trace));
    const scope = { timeoutMs: options.timeoutMs, trace };
    void detached(scope, () => options.run(batch.map((w) => w.item)))
      .then(
        (outcomes) => settle(batch, outcomes),
        (error) => {
          for (const waiting of batch) waiting.reject(error);
        },
      )
      .finally(() => {
        running -= 1;
        if (queue.length > 0) schedule();
        else wakeIdle();
      });
    schedule();
  }

  function takeBatch(): Waiting<Item, Value>[] {
    const batch: Waiting<Item, Value>[] = [];
    const now = Date.now();
    const share = Math.max(shareMin, Math.ceil(queue.length / (batchesMax - running)));
    const most = Math.min(itemsMax, share);
    let taken = 0;
    for (; taken < queue.length && batch.length < most; taken += 1) {
      const waiting = queue[taken]!;
      if (waiting.deadlineAt <= now) waiting.reject(new DeadlineTooShort());
      else batch.push(waiting);
    }
    queue = taken === queue.length ? [] : queue.slice(taken);
    return batch;
  }

  function settle(batch: Waiting<Item, Value>[], outcomes: Outcome<Value>[]) {
    if (outcomes.length !== batch.length) {
      const claim = `${options.name} answers each of ${batch.length} items, not ${outcomes.length}`;
      for (const waiting of batch) waiting.reject(new AssertionError(claim));
      return;
    }
    batch.forEach((waiting, i) => {
      const outcome = outcomes[i]!;
      if ('error' in outcome) waiting.reject(outcome.error);
      else waiting.resolve(outcome.value);
    });
  }

  function wakeIdle() {
    if (running > 0) return;
    const waiters = idleWaiters;
    idleWaiters = [];
    for (const wake of waiters) wake();
  }

  const coalescer: Coalescer<Item, Value> = {
    get waiting() {
      return queue.length;
    },
    get running() {
      return running;
    },
    do(item) {
      if (queue.length >= queueMax) return Promise.reject(new Overloaded());
      const scope = currentScope();
      const deadlineAt = scope?.deadlineAt ?? Number.POSITIVE_INFINITY;
      return new Promise((resolve, reject) => {
        queue.push({ item, deadlineAt, trace: scope?.trace, resolve, reject });
        schedule();
      });
    },
    idle() {
      if (running === 0 && queue.length === 0) return Promise.resolve();
      return new Promise((resolve) => idleWaiters.push(resolve));
    },
  };
  observeWork(options.name, coalescer);
  return coalescer;
}
