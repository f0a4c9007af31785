/** Whole meshes in processes of their own, for end-to-end tests. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { registry } from '#services/registry.ts';
import { type Mesh, type MeshOptions, startMesh } from '#tools/mesh/mesh.ts';
import type { Placement } from '#tools/mesh/placements.ts';

export interface TestMesh extends Mesh {
  readonly dataDir: string;
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
    async stop() {
      await mesh.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

const attemptsMax = 50;
/** Below the ports that servers and outgoing connections get. */
const lowest = 10_000;
const span = 100;
const bases = 100;

/** A hundred ports of which those that a mesh needs are free. */
async function freePortBase(): Promise<number> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const base = lowest + span * Math.floor(Math.random() * bases);
    const ports = [...registry.map(({ port }) => base + port), base + span - 10];
    if ((await Promise.all(ports.map(isFree))).every(Boolean)) return base;
  }
  throw new Error('no free range of ports was found');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
