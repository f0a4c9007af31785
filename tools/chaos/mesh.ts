import type { Mesh } from '../mesh/mesh.ts';
import type { Victims } from './plan.ts';
import type { System } from './system.ts';

/** How the mesh of a system is started. */
export function meshOptionsOf({ services, env }: System) {
  return {
    durable: true,
    logLevel: 'error',
    ...(services && { only: services }),
    ...(env && { env }),
  };
}

/** All processes and servers of a mesh, and the places of a system. */
export function victimsOf({ processes, servers }: Mesh, { points }: System): Victims {
  return {
    processes: processes.map(({ name }) => name).toSorted(),
    servers: servers.managed.map(({ name }) => name).toSorted(),
    points,
  };
}
