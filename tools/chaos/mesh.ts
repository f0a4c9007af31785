import type { Mesh } from '../mesh/mesh.ts';
import type { Victims } from './plan.ts';
import { orderPoints } from './points.ts';

/** A provider that does not answer is given up soon, so that a run has many such cases. */
export const chaosEnvironment = { PROVIDER_TIMEOUT_MS: '1000' };

/** All processes and servers of a mesh, and the places on an order's way. */
export function victimsOf({ processes, servers }: Mesh): Victims {
  return {
    processes: processes.map(({ name }) => name).toSorted(),
    servers: servers.managed.map(({ name }) => name).toSorted(),
    points: orderPoints,
  };
}
