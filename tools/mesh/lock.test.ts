import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { lockData } from './lock.ts';
import { MeshStartError } from './process.ts';

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'meshwork-lock-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

test.each(['file', 'file/below'])('a data folder that is none is refused by name: %s', (path) => {
  const folder = newFolder();
  writeFileSync(join(folder, 'file'), '');
  const lock = () => lockData(join(folder, path), '127.0.0.1:1');
  expect(lock).toThrow(MeshStartError);
  expect(lock).toThrow(`${join(folder, path)} cannot be a folder`);
});

test('data belongs to one platform until that lets it go', () => {
  const folder = newFolder();
  const unlock = lockData(folder, '127.0.0.1:1');
  expect(() => lockData(folder, '127.0.0.1:2')).toThrow('at 127.0.0.1:1');
  unlock();
  lockData(folder, '127.0.0.1:2')();
});
