/** Networks of this repository's services, for tests. */
import { inject } from 'vitest';
import { createNetwork, type Network, type NetworkOptions } from '#kit/testing/network.ts';
import { registrationOf } from './registry.ts';

/** Starts services by name in this process, on the test run's servers. Stop it when the file is done. */
export async function startNetwork(
  names: readonly string[],
  options: Partial<NetworkOptions> = {},
): Promise<Network> {
  const modules = await Promise.all(names.map((name) => registrationOf(name).load()));
  return createNetwork({ ...inject('servers'), modules, ...options });
}
