import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isPortFree } from '#kit/testing/port.ts';
import { registrationOf } from '#services/registry.ts';
import { removeData } from '../servers/data-dir.ts';
import { startMesh } from './mesh.ts';
import { freePortBase } from './ports.ts';
import { MeshStartError } from './process.ts';

test('a mesh whose card provider cannot start leaves no process behind', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'meshwork-mesh-'));
  const portBase = await freePortBase();
  const starting = startMesh({
    dataDir,
    portBase,
    placement: 'service',
    durable: false,
    only: ['finance.payment'],
    logLevel: 'warn',
    env: { SANDBOX_PORT: '65536' },
  });
  await expect(starting).rejects.toThrow(MeshStartError);
  await expect(starting).rejects.toThrow('sandbox did not start');
  expect(await isPortFree(portBase + registrationOf('finance.payment').port)).toBe(true);
  removeData(dataDir);
});
