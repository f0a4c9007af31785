import { stringify } from 'yaml';
import { portBaseDefault } from '#kit/config.ts';
import { registrationOf } from '#services/registry.ts';
import { type EnvoyOptions, envoyConfig } from './config.ts';
import { mtlsSecrets } from './mtls.ts';

const header = `# Generated from proto/ and services/registry.ts by npm run gen. Do not edit.
# Services are found by name: commerce.order is the host "commerce-order".
#
# Refuses tokens that nobody here signed, and leaves all else to the services, which verify each token
# themselves: whether it is missing, expired or revoked. What Envoy refuses it says in the words of the services.
#
# The services must trust its address, MESHWORK_TRUSTED_PROXIES, or all strangers share one rate limit.
`;

const headerMtls = `${header}#
# For a mesh with mTLS: Envoy shows the certificate of /etc/meshwork/envoy/, which is of the mesh's authority and names
# no service, and takes only answers of the service that it calls. certificate.json and authority.json lie in /etc/envoy/;
# new certificates are taken as they come. The port of the gateway, for the keys, is plain.
`;

const folder = 'deploy/envoy';
const mtlsFiles = { certificates: '/etc/meshwork/envoy', secrets: '/etc/envoy' };

const options: EnvoyOptions = {
  port: 8080,
  adminPort: 9901,
  addressOf: (service) =>
    `${service.replace('.', '-')}:${portBaseDefault + registrationOf(service).port}`,
  isStatic: false,
  corsOriginRegex: '.*',
};

/** The files of deploy/envoy by their paths: Envoy in front of services that are found by name, without mTLS and with. */
export function deployedEnvoy(): Map<string, string> {
  const yaml = (config: object) =>
    stringify(config, { lineWidth: 0, aliasDuplicateObjects: false });
  const secrets = Object.entries(mtlsSecrets(mtlsFiles));
  return new Map([
    [`${folder}/envoy.yaml`, header + yaml(envoyConfig(options))],
    [`${folder}/mtls/envoy.yaml`, headerMtls + yaml(envoyConfig({ ...options, mtls: mtlsFiles }))],
    ...secrets.map(([name, secret]): [string, string] => [
      `${folder}/mtls/${name}`,
      `${JSON.stringify(secret, undefined, 2)}\n`,
    ]),
  ]);
}
