import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { type Clock, createTestClock } from '#kit/clock.ts';
import { uuidv7 } from '#kit/ids.ts';
import { createLogger } from '#kit/telemetry/log.ts';
import { limits } from './domain.ts';
import { createSagaDriver } from './saga.ts';
import { Later } from './steps.ts';
import type { Saga, Store } from './store.ts';
import { pending } from './testing-orders.ts';
import type { OrderWriter } from './writer.ts';

/** A driver of orders that get nowhere: the service that they need is away. It has rows in memory, for they never change. */
function driverOfStuckOrders(drivenMax: number, clock: Clock = createTestClock()) {
  const sagas = new Map<string, Saga>();
  const taken: number[] = [];
  const waiting: string[] = [];
  const writer: Pick<OrderWriter, 'do'> = {
    async do(command) {
      const saga = sagas.get('orderId' in command ? command.orderId : '');
      return { saga, answer: undefined };
    },
  };
  const store: Pick<Store, 'takeOver' | 'handBack' | 'countOpen'> = {
    async takeOver(_, limit) {
      taken.push(limit);
      return waiting.splice(0, limit).map((orderId) => sagas.get(orderId)!);
    },
    async handBack() {},
    countOpen: async () => waiting.length,
  };
  const driver = createSagaDriver({
    writer,
    store,
    doStep: () => Promise.reject(new Later('away')),
    clock,
    log: createLogger('test', { level: 'silent' }),
    drivenMax,
  });
  function make(): Saga {
    const orderId = uuidv7();
    const saga = {
      order: { ...pending, orderId },
      requestId: uuidv7(),
      requestHash: Buffer.of(),
      paymentToken: 'tok_visa',
      accountId: undefined,
    };
    sagas.set(orderId, saga);
    return saga;
  }
  return { driver, taken, waiting, make };
}

test('a driver takes no more orders in hand than it may, nor does its recovery', async () => {
  const { driver, taken, waiting, make } = driverOfStuckOrders(3);
  const first = make();
  void driver.drive(first);
  waiting.push(...[make(), make(), make()].map((saga) => saga.order.orderId));
  expect(await driver.recovery.run()).toBe(2);
  expect(taken).toEqual([2]);
  expect(driver.isFull).toBe(true);
  void driver.drive(make());
  expect(driver.driving).toBe(3);
  expect(await driver.recovery.run()).toBe(0);
  expect(taken).toEqual([2]);
  expect(driver.drive(first)).toBe(driver.drive(first));
  await driver.stop();
  expect(driver.driving).toBe(0);
});

test('recovery takes over so many at once', async () => {
  const { driver, taken } = driverOfStuckOrders(limits.drivenMax);
  await driver.recovery.run();
  expect(taken).toEqual([limits.takeoverBatchMax]);
});

test('an order that waits for long takes no more memory than one that has just come', async () => {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  let pauses = 0;
  const impatient: Clock = {
    now: Date.now,
    after(_, run) {
      pauses += 1;
      setImmediate(run);
      return () => {};
    },
  };
  const { driver, make } = driverOfStuckOrders(1, impatient);
  void driver.drive(make());
  async function heapMbAfter(count: number): Promise<number> {
    const end = pauses + count;
    await expect.poll(() => pauses, { timeout: 20_000 }).toBeGreaterThan(end);
    collect();
    return process.memoryUsage().heapUsed / 2 ** 20;
  }
  const before = await heapMbAfter(10_000);
  const grown = (await heapMbAfter(50_000)) - before;
  await driver.stop();
  expect(grown).toBeLessThan(4);
});
