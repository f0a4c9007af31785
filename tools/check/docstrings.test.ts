import { expect, test } from 'vitest';
import { undocumentedIn } from './docstrings.ts';

test('an export without a docstring is named with its line', () => {
  const text = `import { a } from './a.ts';

export const one = a;
export abstract class Two {}
export async function* three() {}
export const { four } = a;
`;
  expect(undocumentedIn(text)).toEqual([
    { line: 3, name: 'one' },
    { line: 4, name: 'Two' },
    { line: 5, name: 'three' },
    { line: 6, name: 'export const { four } = a;' },
  ]);
});

test('a docstring counts right above its export, with words to the linter between them', () => {
  const text = `/** What one is. */
export const one = 1;

/**
 * What two is,
 * in two lines.
 */
// biome-ignore lint/suspicious/noExplicitAny: whatever it is.
export type Two = any;
`;
  expect(undocumentedIn(text)).toEqual([]);
});

test('what is said of the file, of something else or in another kind of comment is no docstring', () => {
  const text = `/** What the file is for. */

export const one = 1;

/** What it is made of. */
const parts = 2;
export const two = parts;

/* Not a docstring. */
export const three = 3;
`;
  expect(undocumentedIn(text).map(({ name }) => name)).toEqual(['one', 'two', 'three']);
});

test('what another file exports is described there', () => {
  const text = `export { one } from './one.ts';
export type {
  Two,
} from './two.ts';
const three = 3;
export { three };
`;
  expect(undocumentedIn(text)).toEqual([{ line: 6, name: 'export { three };' }]);
});
