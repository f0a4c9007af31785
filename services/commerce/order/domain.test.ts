import { describe, expect, test } from 'vitest';
import { countThatFit, leaseOf, limits } from './domain.ts';
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

describe('a lease', () => {
  const now = 1_000_000;
  const half = limits.leaseMs / 2;
  const written = (leaseUntil?: number) => leaseOf({ order: pending, leaseUntil }, now);

  test('begins with its order, is renewed when half of it is over, and not before', () => {
    expect(written()).toBe(now + limits.leaseMs);
    expect(written(now + half)).toBe(now + limits.leaseMs);
    expect(written(now + half + 1)).toBe(now + half + 1);
  });

  test('ends with the saga', () => {
    const order = { ...pending, step: 'DONE' as const };
    expect(leaseOf({ order, leaseUntil: now + half + 1 }, now)).toBeUndefined();
  });
});
