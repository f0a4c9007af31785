import type { TlsPaths } from './identity/tls-files.ts';
import { limits } from './limits.ts';
import { formatAddress, parseAddress } from './rpc/address.ts';
import {
  createTrustedProxies,
  ProxyInvalid,
  type TrustedProxies,
} from './rpc/server/trusted-proxies.ts';

/**
 * The configuration of a process, in two steps: the environment is read once, here, and asserted into a typed object;
 * nothing else looks at `process.env`.
 */
export interface ProcessConfig {
  databaseUrl: string;
  /** Connections to it that each service holds at most. */
  databaseConnections: number;
  natsUrl: string;
  redisUrl: string;
  /** Separates meshes on one NATS and Redis; empty for the only one. */
  namespace: string;
  /** The host on which services are called that `addresses` does not name, and the first port of all. */
  host: string;
  portBase: number;
  /** The host on which those of this process listen: `host` unless it is said, such as 0.0.0.0. */
  listenHost: string;
  /** Where services are called, by name: at each of these addresses, host names being all that they stand for. */
  addresses: ReadonlyMap<string, readonly string[]>;
  /** `wire`: services call each other over gRPC. `direct`: within this process, which then hosts all of them. */
  transport: 'wire' | 'direct';
  logLevel: string;
  /** How services of the mesh know each other. */
  identity: CertificateIdentity | TokenIdentity;
  /** Certificate and key of the public door; plaintext when absent. */
  publicTls: TlsPaths | undefined;
  /** Whose `x-forwarded-for` counts: what stands before this process, such as Envoy. Nobody's by default. */
  trustedProxies: TrustedProxies;
  /** Secrets by which what audit entries tell passes unread to the log; all processes have the same. */
  auditSecret: string;
  /** Where `/metrics` and `/healthz` are answered over HTTP; nowhere when absent. */
  metricsPort: number | undefined;
  /** Named places at which this process dies, for fault tests: "commerce.order.after-payment=kill:3". */
  debugPoints: string;
  /** Absent when nobody collects spans. */
  traces: TraceConfig | undefined;
}

/** By mTLS. Service tokens are neither sent nor taken then. */
export interface CertificateIdentity {
  kind: 'certificates';
  /** May hold `{service}`: see kit/identity/certificates.ts. */
  paths: Required<TlsPaths>;
}

/** By tokens in plaintext, for one machine. */
export interface TokenIdentity {
  kind: 'tokens';
  /** Public key (PEM) of whoever signs them. */
  key: string;
  /** This process's own tokens by service. */
  tokens: Record<string, string>;
}

/** Which spans are sent where. */
export interface TraceConfig {
  /** The collector, for OTLP over HTTP: "http://127.0.0.1:4318". */
  endpoint: string;
  sampler: (typeof samplers)[number];
  /** The part of new traces that is sampled, from 0 to 1, where the sampler takes one. */
  ratio: number;
  /** How the process is called in traces; empty for the names of its services. */
  serviceName: string;
}

/** The names that OTEL_TRACES_SAMPLER may have; the first is the default. */
const samplers = [
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
  'always_on',
  'always_off',
  'traceidratio',
] as const;

/** First port of the services: above those that AirPlay takes on a Mac. */
export const portBaseDefault = 7300;

type Env = Record<string, string | undefined>;

/** A setting is missing or cannot be read; the message names it. */
export class ConfigError extends Error {}

/**
 * Reads what a process needs to start, whatever services it hosts. Takes the names of all services that there are. Throws
 * ConfigError.
 */
export function readConfig(env: Env, services: readonly string[]): ProcessConfig {
  const host = env.MESHWORK_HOST || '127.0.0.1';
  return {
    databaseUrl: required(env, 'DATABASE_URL'),
    databaseConnections: databaseConnections(env, 'MESHWORK_DATABASE_CONNECTIONS'),
    natsUrl: required(env, 'NATS_URL'),
    redisUrl: required(env, 'REDIS_URL'),
    namespace: env.MESHWORK_NAMESPACE ?? '',
    host: hostName(host, 'MESHWORK_HOST'),
    portBase: port(env, 'MESHWORK_PORT_BASE', portBaseDefault),
    listenHost: hostName(env.MESHWORK_LISTEN_HOST || host, 'MESHWORK_LISTEN_HOST'),
    addresses: addresses(env, 'MESHWORK_ADDRESSES', services),
    transport: oneOf(env, 'MESHWORK_TRANSPORT', ['wire', 'direct']),
    logLevel: env.LOG_LEVEL ?? 'info',
    identity: identity(env),
    publicTls: paths(env, {
      certificate: 'MESHWORK_PUBLIC_TLS_CERTIFICATE',
      key: 'MESHWORK_PUBLIC_TLS_KEY',
    }),
    trustedProxies: trustedProxies(env),
    auditSecret: required(env, 'MESHWORK_AUDIT_SECRET'),
    metricsPort: env.MESHWORK_METRICS_PORT ? port(env, 'MESHWORK_METRICS_PORT', 0) : undefined,
    debugPoints: env.MESHWORK_DEBUG_POINTS ?? '',
    traces: traces(env),
  };
}

/**
 * Reads a service's settings: `declared` has the names and their defaults; undefined means that the environment must
 * give one. Throws ConfigError.
 */
export function readSettings(
  env: Env,
  declared: Readonly<Record<string, string | undefined>> = {},
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(declared).map(([name, value]) => [
      name,
      env[name] ?? value ?? required(env, name),
    ]),
  );
}

function identity(env: Env): CertificateIdentity | TokenIdentity {
  const found = paths(env, {
    certificate: 'MESHWORK_TLS_CERTIFICATE',
    key: 'MESHWORK_TLS_KEY',
    ca: 'MESHWORK_TLS_CA',
  });
  if (found === undefined) {
    const key = required(env, 'MESHWORK_SERVICE_KEY');
    return { kind: 'tokens', key, tokens: tokens(env, 'MESHWORK_SERVICE_TOKENS') };
  }
  const leftover = ['MESHWORK_SERVICE_KEY', 'MESHWORK_SERVICE_TOKENS'].find((name) => env[name]);
  if (leftover !== undefined) {
    throw new ConfigError(`${leftover} must not be set where certificates say who a service is`);
  }
  return { kind: 'certificates', paths: found };
}

/** Files that belong together: all of them, or undefined for none. */
function paths<Part extends string>(
  env: Env,
  names: Record<Part, string>,
): Record<Part, string> | undefined {
  const parts = Object.entries(names) as [Part, string][];
  if (parts.every(([, name]) => !env[name])) return undefined;
  const found = parts.map(([part, name]) => [part, required(env, name)]);
  return Object.fromEntries(found) as Record<Part, string>;
}

/** IP addresses and CIDR ranges, separated by commas. */
function trustedProxies(env: Env): TrustedProxies {
  const entries = (env.MESHWORK_TRUSTED_PROXIES || undefined)?.split(',') ?? [];
  try {
    return createTrustedProxies(entries.map((entry) => entry.trim()));
  } catch (error) {
    if (!(error instanceof ProxyInvalid)) throw error;
    throw new ConfigError(`MESHWORK_TRUSTED_PROXIES: ${error.message}`);
  }
}

/** The names are OpenTelemetry's own. Source: OpenTelemetry environment variable specification. */
function traces(env: Env): TraceConfig | undefined {
  const endpoint = env.OTEL_EXPORTER_OTLP_ENDPOINT;
  if (!endpoint) return undefined;
  if (!URL.canParse(endpoint)) {
    throw new ConfigError(`OTEL_EXPORTER_OTLP_ENDPOINT must be a URL, not "${endpoint}"`);
  }
  const ratio = Number(env.OTEL_TRACES_SAMPLER_ARG || 1);
  if (!(ratio >= 0 && ratio <= 1)) {
    throw new ConfigError('OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1');
  }
  return {
    endpoint,
    sampler: oneOf(env, 'OTEL_TRACES_SAMPLER', samplers),
    ratio,
    serviceName: env.OTEL_SERVICE_NAME ?? '',
  };
}

function hostName(value: string, name: string): string {
  if (parseAddress(formatAddress({ host: value, port: 1 })) !== undefined) return value;
  throw new ConfigError(`${name} must be an IP address or a host name, not "${value}"`);
}

/** "commerce.inventory=10.0.0.5:7312|10.0.0.6:7312,finance.payment=payments.internal:7321" */
function addresses(
  env: Env,
  name: string,
  services: readonly string[],
): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  for (const entry of (env[name] ?? '').split(',').map((text) => text.trim())) {
    if (entry === '') continue;
    const [service = '', ...rest] = entry.split('=');
    if (rest.length !== 1) {
      throw new ConfigError(`${name} must be <service>=<host>:<port>|…, not "${entry}"`);
    }
    if (!services.includes(service)) {
      throw new ConfigError(`${name} names "${service}", which is no service`);
    }
    if (found.has(service)) throw new ConfigError(`${name} names ${service} twice`);
    found.set(
      service,
      rest[0]!.split('|').map((text) => address(text.trim(), name, service)),
    );
  }
  return found;
}

function address(text: string, name: string, service: string): string {
  if (parseAddress(text) !== undefined) return text;
  const forms = '"10.0.0.5:7312", "[fd00::5]:7312" or "host.name:7312"';
  throw new ConfigError(`${name}: an address of ${service} must be like ${forms}, not "${text}"`);
}

function required(env: Env, name: string): string {
  const value = env[name];
  if (value === undefined || value === '') throw new ConfigError(`${name} must be set`);
  return value;
}

function port(env: Env, name: string, byDefault: number): number {
  const value = Number(env[name] ?? byDefault);
  if (Number.isInteger(value) && value > 0 && value < 65_000) return value;
  throw new ConfigError(`${name} must be a port, not "${env[name]}"`);
}

function databaseConnections(env: Env, name: string): number {
  const value = Number(env[name] || limits.databaseConnectionsMax);
  if (Number.isInteger(value) && value >= 2) return value;
  throw new ConfigError(`${name} must be a number from 2 on, not "${env[name]}"`);
}

function oneOf<Value extends string>(env: Env, name: string, values: readonly Value[]): Value {
  const value = env[name] ?? values[0];
  const found = values.find((candidate) => candidate === value);
  if (found === undefined) throw new ConfigError(`${name} must be one of ${values.join(', ')}`);
  return found;
}

function tokens(env: Env, name: string): Record<string, string> {
  try {
    return JSON.parse(env[name] ?? '{}') as Record<string, string>;
  } catch {
    throw new ConfigError(`${name} must be JSON: {"<service>": "<token>"}`);
  }
}
