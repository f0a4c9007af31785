import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DomainError } from '#kit/errors.ts';
import { runs } from '#kit/testing/property.ts';
import {
  available,
  type Command,
  limits,
  type Movement,
  type Reservation,
  type Stock,
} from '../domain.ts';
import { createModel } from '../testing-model.ts';
import { openBook } from './book.ts';
import { applyCommand } from './commands.ts';

const skus = ['A', 'B', 'C'];
const orders = ['o1', 'o2', 'o3', 'o4'];

const sku = fc.constantFrom(...skus);
const orderId = fc.constantFrom(...orders);
const time = fc.integer({ min: 0, max: 9 });
const lines = fc.array(fc.record({ sku, quantity: fc.bigInt(1n, 4n) }), {
  minLength: 1,
  maxLength: 4,
});

const by = { staffId: 's', requestId: 'r' };

const command: fc.Arbitrary<Command> = fc.oneof(
  fc
    .record({ sku, onHand: fc.bigInt(0n, 9n) })
    .map((set) => ({ kind: 'set' as const, by, ...set })),
  fc
    .record({ sku, delta: fc.bigInt(-5n, 5n), reason: fc.constantFrom('received', 'damaged') })
    .map((adjust) => ({ kind: 'adjust' as const, by, ...adjust })),
  fc.record({ kind: fc.constant('reserve' as const), orderId, lines, expiresAt: time }),
  fc.record({ kind: fc.constant('commit' as const), orderId }),
  fc.record({ kind: fc.constant('release' as const), orderId, now: time }),
  fc.record({ kind: fc.constant('expire' as const), orderId, now: time }),
);

/** The tables, as a store that hands out only what a batch touches. */
function createTables() {
  const stocks = new Map<string, Stock>();
  const reservations = new Map<string, Reservation>();
  const movements: Movement[] = [];
  let now = 0;

  function open(commands: readonly Command[]) {
    now += 1;
    const named = commands.flatMap((one) => ('orderId' in one ? [one.orderId] : []));
    const found = [...reservations.values()].filter((one) => named.includes(one.orderId));
    const touched = new Set(found.flatMap((one) => one.lines.map((line) => line.sku)));
    for (const one of commands) {
      if ('sku' in one) touched.add(one.sku);
      if ('lines' in one) for (const line of one.lines) touched.add(line.sku);
    }
    return openBook(
      [...stocks.values()].filter((one) => touched.has(one.sku)),
      found,
      now,
    );
  }

  function run(commands: readonly Command[]): string[] {
    const book = open(commands);
    const outcomes = commands.map((one) => outcomeOf(() => applyCommand(book, one)));
    for (const stock of book.changedStocks()) {
      expect(stock.version).toBe((stocks.get(stock.sku)?.version ?? 0n) + 1n);
      expect(stock.updatedAt).toBe(now);
      stocks.set(stock.sku, stock);
    }
    for (const one of book.newReservations()) {
      expect(reservations.has(one.orderId)).toBe(false);
      reservations.set(one.orderId, one);
    }
    for (const one of book.changedReservations()) reservations.set(one.orderId, one);
    movements.push(...book.movements());
    return outcomes;
  }

  return { stocks, reservations, movements, run };
}

function outcomeOf(work: () => unknown): string {
  try {
    work();
    return 'done';
  } catch (error) {
    if (error instanceof DomainError) return error.reason;
    throw error;
  }
}

describe('any history of commands, in batches of any size', () => {
  const batches = fc.array(fc.array(command, { minLength: 1, maxLength: 6 }), { maxLength: 30 });

  test('has the outcomes and the stock of a model that counts anew each time', () => {
    const property = fc.property(batches, (history) => {
      const tables = createTables();
      const model = createModel();
      for (const batch of history) {
        expect(tables.run(batch)).toEqual(batch.map((one) => model.apply(one)));
        for (const stock of tables.stocks.values()) {
          const { onHand, reserved, sold } = stock;
          expect({ onHand, reserved, sold }).toEqual(model.stockOf(stock.sku));
        }
        const states = [...tables.reservations].map(([id, one]) => [id, one.state]);
        expect(Object.fromEntries(states)).toEqual(model.states());
      }
    });
    fc.assert(property, runs(2_000));
  });

  test('loses no unit, makes none, and never goes below nothing', () => {
    const property = fc.property(batches, (history) => {
      const tables = createTables();
      const model = createModel();
      for (const batch of history) {
        tables.run(batch);
        for (const one of batch) model.apply(one);
        for (const stock of tables.stocks.values()) {
          const { onHand, reserved, sold } = stock;
          expect(onHand).toBe(available(stock) + reserved);
          expect(onHand + sold).toBe(model.receivedOf(stock.sku));
          const moved = tables.movements.filter((one) => one.sku === stock.sku);
          expect(moved.reduce((sum, one) => sum + one.delta, 0n)).toBe(onHand + sold);
          for (const units of [onHand, reserved, sold, available(stock)]) {
            expect(units).toBeGreaterThanOrEqual(0n);
          }
        }
      }
    });
    fc.assert(property, runs(1_000));
  });
});

describe('a command', () => {
  const stock = (onHand: bigint): Stock => ({
    sku: 'A',
    onHand,
    reserved: 0n,
    sold: 0n,
    version: 1n,
    updatedAt: 0,
  });

  test('that is refused leaves the book as it was', () => {
    const book = openBook([stock(3n)], [], 1);
    const wanted = [
      { sku: 'A', quantity: 2n },
      { sku: 'B', quantity: 1n },
    ];
    const reserve = { kind: 'reserve' as const, orderId: 'o', lines: wanted, expiresAt: 1 };
    expect(outcomeOf(() => applyCommand(book, reserve))).toBe('SKU_NOT_FOUND');
    expect([book.changedStocks(), book.newReservations()]).toEqual([[], []]);
  });

  test('may not stock more of a SKU than its limit', () => {
    const book = openBook([stock(limits.stockUnitsMax)], [], 1);
    const adjust = { kind: 'adjust' as const, sku: 'A', delta: 1n, reason: 'received', by };
    expect(outcomeOf(() => applyCommand(book, adjust))).toBe('STOCK_OUT_OF_RANGE');
    expect(book.movements()).toEqual([]);
  });
});
