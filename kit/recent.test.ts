import { expect, test } from 'vitest';
import { createRecent } from './recent.ts';

test('remembers what was set, the last value of a key', () => {
  const recent = createRecent<number>(4);
  recent.set('a', 1);
  recent.set('a', 2);
  expect(recent.get('a')).toBe(2);
  expect(recent.get('b')).toBeUndefined();
});

test('what is used stays, however much comes', () => {
  const recent = createRecent<number>(10);
  recent.set('used', 0);
  for (let n = 0; n < 1_000; n += 1) {
    recent.set(`other ${n}`, n);
    expect(recent.get('used')).toBe(0);
  }
});

test('the half used last is never forgotten, and never more than the maximum is kept', () => {
  const recent = createRecent<number>(10);
  for (let n = 0; n < 1_000; n += 1) recent.set(`${n}`, n);
  const kept = Array.from({ length: 1_000 }, (_, n) => n).filter(
    (n) => recent.get(`${n}`) !== undefined,
  );
  expect(kept).toEqual(expect.arrayContaining([995, 996, 997, 998, 999]));
  expect(kept.length).toBeLessThanOrEqual(10);
});

test('a new value of a key that had grown old replaces it', () => {
  const recent = createRecent<number>(4);
  recent.set('a', 1);
  for (const key of ['b', 'c']) recent.set(key, 0);
  recent.set('a', 2);
  expect(recent.get('a')).toBe(2);
});
