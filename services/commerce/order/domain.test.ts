import { describe, expect, test } from 'vitest';
import { countThatFit, limits } from './domain.ts';
import { pending } from './testing-orders.ts';

describe('a page', () => {
  const line = { sku: 'A', productId: 'p', title: 'A', quantity: 1n, unitMinor: 1n };
  const ofLines = (count: number) => ({ ...pending, lines: Array(count).fill(line) });

  test('has as many orders as their lines allow, and one in any case', () => {
    const half = ofLines(limits.pageLinesMax / 2);
    expect(countThatFit([])).toBe(0);
    expect(countThatFit([half, half])).toBe(2);
    expect(countThatFit([half, half, ofLines(1)])).toBe(2);
    expect(countThatFit([ofLines(limits.pageLinesMax + 1), half])).toBe(1);
  });
});
