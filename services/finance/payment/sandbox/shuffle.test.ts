import { expect, test } from 'vitest';
import { createShuffle } from './shuffle.ts';

const items = Array.from({ length: 20 }, (_, i) => i);

function drawn(seed: number) {
  const shuffle = createShuffle(seed);
  return { order: shuffle.order(items), late: items.map(() => shuffle.below(300)) };
}

test('a seed has one order and one lateness, and another seed others', () => {
  expect(drawn(1)).toEqual(drawn(1));
  expect(drawn(1)).not.toEqual(drawn(2));
});

test('all items are there, in another order, and each is late by less than the bound', () => {
  const { order, late } = drawn(7);
  expect(order).not.toEqual(items);
  expect(order.toSorted((a, b) => a - b)).toEqual(items);
  expect(new Set(late).size).toBe(late.length);
  for (const ms of late) {
    expect(ms).toBeGreaterThanOrEqual(0);
    expect(ms).toBeLessThan(300);
  }
});
