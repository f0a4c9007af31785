/**
 * The configuration of a process, in two steps: the environment is read once, here, and asserted into a typed object;
 * nothing else looks at `process.env`.
 */
export interface ProcessConfig {
  databaseUrl: string;
  natsUrl: string;
  redisUrl: string;
  /** Separates meshes on one NATS and Redis; empty for the only one. */
  namespace: string;
  /** Host and first port of the services' own listeners. */
  host: string;
  portBase: number;
  /** `wire`: services call each other over gRPC. `direct`: within this process, which then hosts all of them. */
  transport: 'wire' | 'direct';
  logLevel: string;
  /** Public key (PEM) of whoever signs service tokens, and this process's own tokens by service. */
  serviceKey: string;
  serviceTokens: Record<string, string>;
  /** Named places at which this process dies, for fault tests: "commerce.order.after-payment=kill:3". */
  debugPoints: string;
  /** Where spans go, as OTLP over HTTP; empty for nowhere. */
  otlpUrl: string;
}

type Env = Record<string, string | undefined>;

/** A setting is missing or cannot be read; the message names it. */
export class ConfigError extends Error {}

export function readConfig(env: Env): ProcessConfig {
  return {
    databaseUrl: required(env, 'DATABASE_URL'),
    natsUrl: required(env, 'NATS_URL'),
    redisUrl: required(env, 'REDIS_URL'),
    namespace: env.MESHWORK_NAMESPACE ?? '',
    host: env.MESHWORK_HOST ?? '127.0.0.1',
    portBase: port(env, 'MESHWORK_PORT_BASE', 7000),
    transport: oneOf(env, 'MESHWORK_TRANSPORT', ['wire', 'direct']),
    logLevel: env.LOG_LEVEL ?? 'info',
    serviceKey: required(env, 'MESHWORK_SERVICE_KEY'),
    serviceTokens: tokens(env, 'MESHWORK_SERVICE_TOKENS'),
    debugPoints: env.MESHWORK_DEBUG_POINTS ?? '',
    otlpUrl: env.OTEL_EXPORTER_OTLP_ENDPOINT ?? '',
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
