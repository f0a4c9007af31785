import { stringify } from 'yaml';
import { portBaseDefault } from '#kit/config.ts';
import { registrationOf } from '#services/registry.ts';
import { envoyConfig } from './config.ts';

const header = `# Generated from proto/ and services/registry.ts by npm run gen. Do not edit.
# Services are found by name: commerce.order is the host "commerce-order".
#
# Refuses tokens that nobody here signed, and leaves all else to the services, which verify each token
# themselves: whether it is missing, expired or revoked. What Envoy refuses it says in the words of the services.
#
# The services must trust its address, MESHWORK_TRUSTED_PROXIES, or all strangers share one rate limit.
#
# Not yet for a mesh with mTLS: the clusters below present no client certificate, and its services would hang up.
`;

/** deploy/envoy/envoy.yaml: Envoy in front of services that are found by name. */
export function deployedEnvoy(): string {
  const config = envoyConfig({
    port: 8080,
    adminPort: 9901,
    addressOf: (service) =>
      `${service.replace('.', '-')}:${portBaseDefault + registrationOf(service).port}`,
    isStatic: false,
    corsOriginRegex: '.*',
  });
  return header + stringify(config, { lineWidth: 0, aliasDuplicateObjects: false });
}
