import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { runs } from '#kit/testing/property.ts';
import { limits } from '../domain.ts';
import {
  addMovement,
  arrayOf,
  type Movement,
  type MovementList,
  readMovements,
  tagOf,
  writeMovements,
} from './window.ts';

const anyMovement: fc.Arbitrary<Movement> = fc.record({
  at: fc.integer({ min: 0, max: 2 ** 47 }),
  amountMinor: fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }),
  isIncoming: fc.boolean(),
  type: fc.constantFrom('TRANSFER', 'DEPOSIT', 'WITHDRAWAL', 'PAYMENT'),
  isOwn: fc.boolean(),
  isByService: fc.boolean(),
  counterpartyId: fc.uuid(),
  transactionTag: fc.uuid().map(tagOf),
});

/** What can be read of a movement, whatever it is read from. */
const plain = (movements: MovementList) =>
  arrayOf(movements).map((one) => ({
    at: one.at,
    amountMinor: one.amountMinor,
    isIncoming: one.isIncoming,
    type: one.type,
    isOwn: one.isOwn,
    isByService: one.isByService,
    counterpartyId: one.counterpartyId,
    transactionTag: one.transactionTag,
  }));

const addAll = (movements: readonly Movement[]) =>
  movements.reduce<MovementList>((list, one) => addMovement(list, one), []);

test('what is written is read, whatever it is', () => {
  fc.assert(
    fc.property(fc.array(anyMovement, { maxLength: limits.movementsMax }), (movements) => {
      expect(plain(readMovements(writeMovements(movements)))).toEqual(movements);
    }),
    runs(300),
  );
});

describe('a window', () => {
  test('is in the order of time and bounded, in whatever order it is told of', () => {
    fc.assert(
      fc.property(fc.array(anyMovement, { maxLength: 60 }), (movements) => {
        const times = arrayOf(addAll(movements)).map(({ at }) => at);
        expect(times).toEqual([...times].sort((a, b) => a - b));
        expect(times.length).toBeLessThanOrEqual(limits.movementsMax);
      }),
      runs(200),
    );
  });

  test('counts a movement once, though it is told of again', () => {
    fc.assert(
      fc.property(fc.array(anyMovement, { maxLength: limits.movementsMax }), (movements) => {
        const once = addAll(movements);
        expect(addAll([...movements, ...movements])).toEqual(once);
        for (const one of movements) expect(addMovement(once, one)).toBe(once);
      }),
      runs(200),
    );
  });

  test('is not emptied of what matters by many small movements', () => {
    const movement = (at: number, amountMinor: bigint): Movement => ({
      at,
      amountMinor,
      isIncoming: true,
      type: 'TRANSFER',
      isOwn: false,
      isByService: false,
      counterpartyId: '00000000-0000-7000-8000-000000000001',
      transactionTag: at,
    });
    const large = [1, 2, 3].map((at) => movement(at, 950_000n));
    const small = Array.from({ length: 200 }, (_, i) => movement(10 + i, 1n));
    const amounts = arrayOf(addAll([...large, ...small])).map(({ amountMinor }) => amountMinor);
    expect(amounts.filter((amount) => amount === 950_000n)).toHaveLength(3);
    expect(amounts).toHaveLength(limits.movementsMax);
  });
});
