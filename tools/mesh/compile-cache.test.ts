import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { startTestMesh } from '../../tests/support/mesh.ts';
import { fillCompileCache } from './compile-cache.ts';

const folder = mkdtempSync(join(tmpdir(), 'meshwork-compile-'));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('the processes of a first start find everything compiled', { timeout: 60_000 }, async () => {
  const cache = join(folder, 'all');
  await fillCompileCache(cache);
  const compiled = readdirSync(cache, { recursive: true });
  expect(compiled.length).toBeGreaterThan(100);

  const mesh = await startTestMesh('domain', { env: { NODE_COMPILE_CACHE: cache } });
  await mesh.stop();
  expect(readdirSync(cache, { recursive: true })).toEqual(compiled);
});

test('a folder that is there is left alone', async () => {
  const cache = mkdtempSync(join(folder, 'there-'));
  await fillCompileCache(cache);
  expect(readdirSync(cache)).toEqual([]);
});
