/** Networks of this repository's services, for tests. */
import { inject } from 'vitest';
import {
  auditSecret,
  createNetwork,
  type Network,
  type NetworkOptions,
} from '#kit/testing/network.ts';
import { issuer, registrationOf } from './registry.ts';

/** Stands in for every secret that a service must be given: long enough for what is made from it. */
const testSecret = 'a secret for tests that is no secret at all';

/**
 * How the services of a test reach each other where it does not need a wire: `MESHWORK_TEST_TRANSPORT=direct npm test --
 * services` tries all of them as they are in placement single.
 */
const transport = process.env.MESHWORK_TEST_TRANSPORT === 'direct' ? 'direct' : 'wire';

/**
 * Starts services by name in this process, on the test run's servers. Stop it when the file is done. With the user
 * service among them, the access tokens that it issues count as well as those of people who were made up.
 */
export async function startNetwork(
  names: readonly string[],
  options: Partial<NetworkOptions> = {},
): Promise<Network> {
  const modules = await Promise.all(names.map((name) => registrationOf(name).load()));
  return createNetwork({
    ...inject('servers'),
    modules,
    transport: options.wiresTo === undefined ? transport : 'wire',
    ...(names.includes(issuer) ? { issuer } : {}),
    ...options,
    settings: {
      ...options.settings,
      ...Object.fromEntries(
        names.map((name) => [name, { ...declaredSettings(name), ...options.settings?.[name] }]),
      ),
    },
  });
}

function declaredSettings(name: string): Record<string, string> {
  const declared = Object.entries(registrationOf(name).settings ?? {});
  const standIn = (key: string) => {
    if (key === 'MESHWORK_AUDIT_SECRET') return auditSecret;
    return key.endsWith('_SECRET') ? testSecret : '';
  };
  return Object.fromEntries(declared.map(([key, value]) => [key, value ?? standIn(key)]));
}
