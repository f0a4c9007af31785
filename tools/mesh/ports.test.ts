import { expect, test } from 'vitest';
import { freePortBase } from './ports.ts';

test('ranges of ports that are asked for at one moment are apart, although nobody listens yet', async () => {
  const bases = await Promise.all(Array.from({ length: 20 }, freePortBase));
  const sorted = bases.toSorted((a, b) => a - b);
  for (const [i, base] of sorted.slice(1).entries()) {
    expect(base - sorted[i]!).toBeGreaterThanOrEqual(200);
  }
});
