import { expect, test } from 'vitest';
import { findImpurity, impureIn } from './purity.ts';

const impurities = (text: string) => impureIn('domain.ts', text);

test.each([
  'Date.now()',
  "Date['now']()",
  'new Date()',
  'new Date',
  'Date()',
  '[1].map(Date)',
  'Math.random()',
  'const { random } = Math',
  'process.env.HOME',
  'process.hrtime()',
  "fetch('http://127.0.0.1')",
  'performance.now()',
  'crypto.randomUUID()',
  'crypto.getRandomValues(bytes)',
  'setTimeout(() => {}, 1)',
  'setInterval(() => {}, 1)',
  'setImmediate(() => {})',
  'queueMicrotask(() => {})',
  "console.log('here')",
  'globalThis.Date',
  'import.meta.url',
  "new Function('return 1')",
  'const date = { at: Date.now() }',
  'const { at = Date.now() } = options',
  'const later = (at = Date.now()) => at',
  '(Date as unknown as Clock).now()',
  'const o = { fetch }',
])('%s is no work for a domain.ts', (use) => {
  const text = `import { bytes, type Clock, options } from './x.ts';\n\n${use};\n`;
  expect(impurities(text)).toEqual([{ line: 3, what: expect.any(String) }]);
});

test('what is used is named as it stands there', () => {
  const text = 'const a = Date.now();\nconst b = new Date();\nconst c = crypto.randomUUID();\n';
  expect(impurities(text)).toEqual([
    { line: 1, what: 'Date.now' },
    { line: 2, what: 'new Date()' },
    { line: 3, what: 'crypto.randomUUID' },
  ]);
});

test('arithmetic with times that are given, types, members and own names are pure', () => {
  const text = `import { fetch } from './fetch.ts';
type Process = typeof process;
interface Clock { now(): Date; performance: Performance }
const limits = { console: 1, setTimeout: 2 };
class Named { name = new.target; }
export function f(crypto: Clock, { process, ...rest }: { process: number }, at: number): unknown {
  const day = new Date(at).toISOString() + Date.UTC(2026, 0, 1) + Math.max(at, limits.console);
  try { return [day, crypto.performance, process, rest, fetch, limits?.setTimeout as unknown as Process]; }
  catch (console) { return console instanceof Date; }
}
`;
  expect(impurities(text)).toEqual([]);
});

test('every domain.ts and the pure parts of the kit are pure', () => {
  expect(findImpurity()).toEqual([]);
});
