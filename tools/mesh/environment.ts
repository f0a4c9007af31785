/** What the processes of a mesh are told by their environment. */
import type { Servers } from '../servers/servers.ts';
import { type Addresses, host } from './addresses.ts';
import type { LocalCertificates } from './authority.ts';
import type { MeshOptions } from './mesh.ts';
import { type Group, roleOf } from './placements.ts';
import type { LocalSecrets, ServiceIdentity } from './secrets.ts';

/** What a mesh is made of before its processes are. */
export interface MeshParts {
  options: MeshOptions;
  services: readonly string[];
  addresses: Addresses;
  servers: Servers;
  secrets: LocalSecrets;
  /** How services know each other: by these, or else by `identity`. */
  certificates: LocalCertificates | undefined;
  identity: ServiceIdentity | undefined;
}

/** The environment of a process that hosts services. */
export function serviceEnvironment(parts: MeshParts, group: Group): Record<string, string> {
  const { options, addresses, servers, secrets, certificates, identity } = parts;
  return {
    DATABASE_URL: servers.databaseUrl,
    NATS_URL: servers.natsUrl,
    REDIS_URL: servers.redisUrl,
    MESHWORK_HOST: host,
    MESHWORK_PORT_BASE: String(addresses.portBaseOf(group)),
    ...(options.replicas && { MESHWORK_ADDRESSES: addressSetting(parts) }),
    MESHWORK_METRICS_PORT: String(addresses.metricsPortOf(group)),
    MESHWORK_TRANSPORT: options.placement === 'single' ? 'direct' : 'wire',
    ...(certificates?.environment ?? identity!.environment(group.services)),
    LOG_LEVEL: options.logLevel ?? 'info',
    OTEL_SERVICE_NAME: process.env.OTEL_SERVICE_NAME ?? roleOf(group),
    PROVIDER_URL: addresses.providerUrl,
    ...secrets,
    ...options.env,
  };
}

/** The environment of the card provider that stands in for a real one. */
export function sandboxEnvironment(parts: MeshParts): Record<string, string> {
  const { options, addresses, servers, secrets } = parts;
  return {
    DATABASE_URL: servers.databaseUrl,
    PROVIDER_WEBHOOK_SECRET: secrets.PROVIDER_WEBHOOK_SECRET,
    SANDBOX_PORT: String(addresses.sandboxPort),
    SANDBOX_WEBHOOK_TARGET: webhookTarget(parts),
    LOG_LEVEL: options.logLevel ?? 'info',
    ...options.env,
  };
}

function addressSetting({ services, addresses }: MeshParts): string {
  return services.map((service) => `${service}=${addresses.addressesOf(service).join('|')}`).join();
}

/** A provider is a stranger: where only certificates open the service itself, its events come by the public door. */
function webhookTarget({ certificates, services, addresses }: MeshParts): string {
  if (certificates === undefined) return `grpc://${addresses.addressOf('finance.payment')}`;
  const door = 'platform.gateway';
  return services.includes(door) ? `http://${addresses.addressOf(door)}` : '';
}
