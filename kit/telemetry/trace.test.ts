import { expect, test } from 'vitest';
import { formatTraceparent, parseTraceparent } from './trace.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const spanId = '00f067aa0ba902b7';

test.each([
  ['01', '01'],
  ['00', '00'],
  // Flags that nobody knows yet are not passed on. Source: W3C Trace Context, section 3.2.2.5.
  ['ff', '01'],
  ['02', '00'],
])('a context goes on as it came, with flags %s as %s', (flags, passedOn) => {
  const context = parseTraceparent(`00-${traceId}-${spanId}-${flags}`)!;
  expect(readAll(context)).toEqual({ traceId, spanId, sampled: passedOn === '01' });
  expect(formatTraceparent(context)).toBe(`00-${traceId}-${spanId}-${passedOn}`);
});

test('of a later version what version 00 has goes on', () => {
  const known = `00-${traceId}-${spanId}-01`;
  for (const header of [`01-${traceId}-${spanId}-01`, `cc-${traceId}-${spanId}-01-more`]) {
    expect(formatTraceparent(parseTraceparent(header)!)).toBe(known);
  }
});

test.each([
  undefined,
  '',
  'nonsense',
  `00-${traceId}-${spanId}`,
  `00-${traceId}-${spanId}-01-more`,
  `01-${traceId}-${spanId}-01more`,
  `ff-${traceId}-${spanId}-01`,
  `00-${'0'.repeat(32)}-${spanId}-01`,
  `00-${traceId}-${'0'.repeat(16)}-01`,
  `00-${traceId.toUpperCase()}-${spanId}-01`,
  `00-${traceId}-${spanId}-0g`,
])('%s is no context', (header) => {
  expect(parseTraceparent(header)).toBeUndefined();
});

function readAll({ traceId, spanId, sampled }: NonNullable<ReturnType<typeof parseTraceparent>>) {
  return { traceId, spanId, sampled };
}
