import { expect, test } from 'vitest';
import { sha256, uuidAfter, uuidOf } from './derived-id.ts';
import { isUuid, uuidv7 } from './ids.ts';

test('an id made of parts is always the same, and differs when a part does', () => {
  expect(uuidOf('a', 'b')).toBe(uuidOf('a', 'b'));
  expect(uuidOf('a', 'b')).not.toBe(uuidOf('ab'));
  expect(uuidOf('a', 'b')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-/);
});

test('an id that follows another is always the same, begins with its time, and differs by its parts', () => {
  const id = uuidv7();
  const after = uuidAfter(id, 'somebody/Something');
  expect(isUuid(after)).toBe(true);
  expect(after.slice(0, 15)).toBe(`${id.slice(0, 13)}-8`);
  expect(uuidAfter(id, 'somebody/Something')).toBe(after);
  expect(uuidAfter(id, 'somebody/Else')).not.toBe(after);
  expect(uuidAfter(uuidv7(), 'somebody/Something')).not.toBe(after);
});

test('the digest of a text is that of its bytes', () => {
  // echo -n abc | sha256sum
  const known = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
  expect(sha256('abc').toString('hex')).toBe(known);
});
