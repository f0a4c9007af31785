import { expect, test } from 'vitest';
import { uuidv7 } from './ids.ts';

const pattern = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test('ids are UUIDv7, unique, and sort in the order they were made', () => {
  const ids = Array.from({ length: 20_000 }, () => uuidv7());
  for (const id of ids) expect(id).toMatch(pattern);
  expect(new Set(ids).size).toBe(ids.length);
  expect([...ids].sort()).toEqual(ids);
});

test('an id says when it was made', () => {
  const at = Date.now() + 60_000;
  expect(Number.parseInt(uuidv7(at).replace('-', '').slice(0, 12), 16)).toBeGreaterThanOrEqual(at);
});
