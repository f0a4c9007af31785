import fc from 'fast-check';
import { expect, test } from 'vitest';
import { runs } from '#kit/testing/property.ts';
import { FactsOutOfRange, int64Max } from '../domain.ts';
import {
  checkRange,
  countsWith,
  decodeUsage,
  encodeUsage,
  lastDayOf,
  noUsage,
  type Usage,
  windows,
  withoutPayment,
  withPayment,
} from './usage.ts';

const start = Date.UTC(2026, 0, 22, 10, 40);

/** Payments over some weeks, mostly close to each other; some of them are taken back, whole or in part. */
const payments = fc.array(
  fc.record({
    pauseMs: fc.oneof(
      fc.integer({ min: 0, max: 600_000 }),
      fc.integer({ min: 0, max: 36 * 3_600_000 }),
    ),
    amountMinor: fc.oneof(fc.bigInt(1n, 1_000n), fc.constant(10n ** 15n)),
    taken: fc.constantFrom('nothing', 'all', 'a part'),
    takenAfter: fc.nat(6),
  }),
  { maxLength: 60 },
);

interface Entry {
  at: number;
  count: number;
  sum: bigint;
}

/** What a window holds, as one would count it on paper: all entries whose step is in it. */
function onPaper(entries: readonly Entry[], now: number, i: number) {
  const { stepMs, steps } = windows[i]!;
  const first = (Math.floor(now / stepMs) - steps) * stepMs;
  const inside = entries.filter(({ at }) => at >= first);
  return {
    count: inside.reduce((total, { count }) => total + count, 0),
    sum: inside.reduce((total, { sum }) => total + sum, 0n),
  };
}

test('windows hold what was paid in their time, whatever was taken back since', () => {
  fc.assert(
    fc.property(payments, (all) => {
      const entries: Entry[] = [];
      const returns: { after: number; entry: Entry; taken: { count: number; sum: bigint } }[] = [];
      let usage: Usage = noUsage;
      let now = start;
      all.forEach(({ pauseMs, amountMinor, taken, takenAfter }, i) => {
        now += pauseMs;
        usage = withPayment(decodeUsage(encodeUsage(usage)), now, amountMinor);
        const entry = { at: now, count: 1, sum: amountMinor };
        entries.push(entry);
        const half = { count: 0, sum: amountMinor / 2n };
        const back = taken === 'all' ? { count: 1, sum: amountMinor } : half;
        if (taken !== 'nothing') returns.push({ after: i + takenAfter, entry, taken: back });
        for (const due of returns.filter(({ after }) => after === i)) {
          usage = withoutPayment(usage, due.entry.at, due.taken);
          due.entry.count -= due.taken.count;
          due.entry.sum -= due.taken.sum;
        }
        const one = { at: now, count: 1, sum: 3n };
        const expected = windows.map((_, window) => onPaper([...entries, one], now, window));
        expect(countsWith(usage, now, 3n)).toEqual(expected);
      });
    }),
    runs(500),
  );
});

test('a window is never shorter than its name says, and longer by less than a step', () => {
  const lengths = { '1h': 3_600_000, '24h': 24 * 3_600_000, '30d': 30 * 24 * 3_600_000 };
  fc.assert(
    fc.property(fc.nat(10 ** 9), fc.nat(31 * 24 * 3_600_000), (offset, passed) => {
      const usage = withPayment(noUsage, start + offset, 5n);
      countsWith(usage, start + offset + passed, 1n).forEach(({ count }, i) => {
        const { name, stepMs } = windows[i]!;
        if (passed <= lengths[name]) expect(count, name).toBe(2);
        if (passed >= lengths[name] + stepMs) expect(count, name).toBe(1);
      });
    }),
    runs(2_000),
  );
});

test('what is kept of somebody does not grow, however long they pay', () => {
  let usage: Usage = noUsage;
  for (let i = 0; i < 20_000; i += 1) {
    usage = withPayment(usage, start + i * 240_000, 1n);
  }
  expect(encodeUsage(usage).length).toBeLessThanOrEqual(3 + (13 + 25 + 31) * 16);
  const now = start + 19_999 * 240_000;
  expect(lastDayOf(usage)).toBe(Math.floor(now / 86_400_000) + 30);
});

test('a total that does not fit is refused before it is written', () => {
  checkRange([{ count: 1, sum: int64Max }], 't');
  expect(() => checkRange([{ count: 1, sum: int64Max + 1n }], 't')).toThrow(FactsOutOfRange);
});
