import type { Message } from '@bufbuild/protobuf';
import type { Clock } from '#kit/clock.ts';
import { debugPoint } from '#kit/debug.ts';
import { currentScope, detached } from '#kit/scope.ts';
import type { Job } from '#kit/service.ts';
import type { Logger } from '#kit/telemetry/log.ts';
import { type OrderEvent, stepAhead } from './domain/reducer.ts';
import { isSettled, limits, type Order } from './domain.ts';
import { type DoStep, Later } from './steps.ts';
import type { Saga, Store } from './store.ts';
import type { OrderWriter } from './writer.ts';

/** How a saga ended for CreateOrder. `answer` is absent when another process recorded it. */
export interface Settled {
  order: Order;
  answer: Message | undefined;
}

export interface SagaDriver {
  /**
   * Drives an order to its end, in the background; resolves when it is settled. Asked again for an order that it is
   * driving already, it answers with the same. When it is full it leaves the order to recovery, and never resolves.
   */
  drive(saga: Saga): Promise<Settled>;
  /** Takes over orders whose driver died. */
  readonly recovery: Job;
  readonly driving: number;
  /** Holds limits.drivenMax orders: services that they wait for are away. */
  readonly isFull: boolean;
  /** Stops between two steps; what is not done is handed back for others to take over at once. */
  stop(): Promise<void>;
}

/**
 * Drives orders from where their rows say. Every step may be repeated, so it never matters who drives, how often, or
 * where the last driver died. The way forward is written while the next step is already under way, and waited for before
 * the one after it; the way back begins when it is written.
 */
export function createSagaDriver(deps: {
  writer: Pick<OrderWriter, 'do'>;
  store: Pick<Store, 'takeOver' | 'handBack' | 'countOpen'>;
  doStep: DoStep;
  clock: Clock;
  log: Logger;
  drivenMax?: number;
}): SagaDriver {
  const { writer, store, doStep, clock, log, drivenMax = limits.drivenMax } = deps;
  const driven = new Map<string, { settled: Promise<Settled>; done: Promise<void> }>();
  /** Each ends one pause. */
  const pausing = new Set<() => void>();
  let stopping = false;

  const isFull = () => driven.size >= drivenMax;

  function drive(saga: Saga): Promise<Settled> {
    const { orderId } = saga.order;
    const already = driven.get(orderId);
    if (already) return already.settled;
    if (isFull()) return new Promise(() => {});
    let settle: (settled: Settled) => void = () => {};
    const settled = new Promise<Settled>((resolve) => {
      settle = resolve;
    });
    const done = run(saga, settle)
      .catch((error) => log.error({ error, orderId }, 'order.saga_left'))
      .finally(() => driven.delete(orderId));
    driven.set(orderId, { settled, done });
    return settled;
  }

  async function run(first: Saga, settle: (settled: Settled) => void): Promise<void> {
    const scope = { timeoutMs: limits.stepMsMax, trace: currentScope()?.trace };
    let saga = first;
    let begun: Promise<OrderEvent> | undefined;
    let failures = 0;
    if (isSettled(saga.order)) settle({ order: saga.order, answer: undefined });
    while (saga.order.step !== 'DONE') {
      if (stopping) return handBack(saga, begun);
      try {
        const moved = await detached(scope, () => advance(saga, begun));
        if (isSettled(moved.saga.order)) settle({ order: moved.saga.order, answer: moved.answer });
        ({ saga, begun } = moved);
        failures = 0;
      } catch (error) {
        failures += 1;
        begun = undefined;
        if (!(error instanceof Later))
          log.warn({ error, step: saga.order.step }, 'order.step_failed');
        await pause(failures);
      }
    }
  }

  /** Does the step that the saga is at, unless it was begun before, and writes what came of it. */
  async function advance(saga: Saga, begun: Promise<OrderEvent> | undefined) {
    const { orderId, step } = saga.order;
    const event = await (begun ?? doStep(saga, clock.now())).catch(async (error) => {
      // Somebody may have cancelled meanwhile: then the step that failed is not the one to repeat.
      const renewed = await writer.do({ kind: 'renew', orderId });
      if (renewed.saga?.order.step === step) throw error;
      return undefined;
    });
    await debugPoint(`commerce.order.before-${event?.kind ?? 'renew'}`);
    const writing = writer.do(
      event === undefined ? { kind: 'renew', orderId } : { kind: 'tell', orderId, event },
    );
    const expected = event && stepAhead(saga.order, event, clock.now());
    const ahead = expected && doStep({ ...saga, order: expected }, clock.now());
    // Whoever comes to it sees the failure.
    ahead?.catch(() => {});
    const { saga: written, answer } = await writing;
    const isAsExpected = written!.order.step === expected?.step;
    return { saga: written!, answer, begun: isAsExpected ? ahead : undefined };
  }

  async function pause(failures: number): Promise<void> {
    if (stopping) return;
    const ms = Math.min(limits.retryMsMax, limits.retryMsMin * 2 ** Math.min(failures - 1, 10));
    await new Promise<void>((resolve) => {
      const end = () => {
        cancel();
        pausing.delete(end);
        resolve();
      };
      const cancel = clock.after(ms * (0.5 + Math.random() / 2), end);
      pausing.add(end);
    });
  }

  async function handBack({ order }: Saga, begun: Promise<unknown> | undefined): Promise<void> {
    await begun?.catch(() => {});
    // Whoever asked for the order may be gone for long.
    await detached({ timeoutMs: limits.stepMsMax }, () => store.handBack([order.orderId]));
  }

  return {
    drive,
    get driving() {
      return driven.size;
    },
    get isFull() {
      return isFull();
    },
    recovery: {
      name: 'commerce.order.recovery',
      everyMs: limits.takeoverEveryMs,
      async run() {
        if (isFull()) return 0;
        const room = Math.min(drivenMax - driven.size, limits.takeoverBatchMax);
        const sagas = await store.takeOver(clock.now(), room);
        for (const saga of sagas) void drive(saga);
        return sagas.length;
      },
      pending: () => store.countOpen(),
    },
    async stop() {
      stopping = true;
      for (const end of pausing) end();
      await Promise.all([...driven.values()].map(({ done }) => done));
    },
  };
}
