/** Whole meshes in processes of their own, for end-to-end tests. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Mesh, type MeshOptions, startMesh } from '#tools/mesh/mesh.ts';
import { groupsOf, type Placement } from '#tools/mesh/placements.ts';
import { freePortBase } from '#tools/mesh/ports.ts';
import { removeData } from '#tools/servers/data-dir.ts';

export interface TestMesh extends Mesh {
  readonly dataDir: string;
  /** The name of the process that hosts a service, the first one where there are several. */
  processOf(service: string): string;
}

/** Starts a mesh with its own servers and data; `stop` removes them. */
export async function startTestMesh(
  placement: Placement,
  options: Partial<MeshOptions> = {},
): Promise<TestMesh> {
  const dataDir = mkdtempSync(join(tmpdir(), 'meshwork-e2e-'));
  const mesh = await startMesh({
    dataDir,
    portBase: await freePortBase(),
    placement,
    durable: false,
    logLevel: 'warn',
    ...options,
  });
  return {
    ...mesh,
    dataDir,
    processOf: (service) =>
      groupsOf(placement).find(({ services }) => services.includes(service))!.name,
    async stop() {
      await mesh.stop();
      removeData(dataDir);
    },
  };
}
