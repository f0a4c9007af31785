/** A whole mesh in processes of its own: what `npm start`, end-to-end tests, chaos runs and benchmarks stand on. */
import { join } from 'node:path';
import type { DescService } from '@bufbuild/protobuf';
import { createWays } from '#kit/host/placement.ts';
import { type Client, createClient } from '#kit/rpc/client.ts';
import { grpcJsEngine } from '#kit/rpc/grpc-js/engine.ts';
import { isPortFree } from '#kit/testing/port.ts';
import { registrationOf } from '#services/registry.ts';
import { checkExternals } from '../servers/external.ts';
import { type Servers, startServers } from '../servers/servers.ts';
import { type LocalCertificates, startAuthority } from './authority.ts';
import { fillCompileCache } from './compile-cache.ts';
import { lockData } from './lock.ts';
import { nodeEnvironment } from './node.ts';
import { type Group, groupsOf, type Placement, replicasOf, roleOf } from './placements.ts';
import { metricsPort, sandboxPort, servicePort } from './ports.ts';
import { type MeshProcess, MeshStartError, startProcess } from './process.ts';
import { createServiceIdentity, type LocalSecrets, localSecrets } from './secrets.ts';

export interface MeshOptions {
  /** Everything that survives a restart. */
  dataDir: string;
  /** First of the ports that services listen on. */
  portBase: number;
  placement: Placement;
  /** Whether commits survive a power cut. Off only for tests that kill no database. */
  durable: boolean;
  /** Services to start; all when absent. */
  only?: readonly string[];
  /** Processes of services that have one to themselves, by service; one each when absent. */
  replicas?: Readonly<Record<string, number>>;
  /** Whether services know each other by certificates, of an authority made for this mesh; by tokens otherwise. */
  mtls?: boolean;
  /** Further environment of the processes. */
  env?: Record<string, string>;
  logLevel?: string;
  onProgress?: (line: string) => void;
}

export interface Mesh {
  readonly servers: Servers;
  readonly secrets: LocalSecrets;
  readonly processes: readonly MeshProcess[];
  /** Present with `mtls`. */
  readonly certificates: LocalCertificates | undefined;
  /** Where the card provider that stands in for a real one listens. */
  readonly providerUrl: string;
  /** Where a service listens: its first process. */
  addressOf(service: string): string;
  /** Where each process answers /metrics and /healthz, by its name. */
  readonly metricsUrls: Readonly<Record<string, string>>;
  /** A client of a service: as another service, or as nobody, with a person's token in the headers of a call. */
  client<Service extends DescService>(
    service: Service,
    target: string,
    as?: { service?: string },
  ): Client<Service>;
  /** Stops the processes, callers before the called, then the servers. */
  stop(): Promise<void>;
}

const host = '127.0.0.1';

/**
 * Starts the servers, then the processes of the placement, and resolves when all serve. Throws ServerStartError or
 * MeshStartError, each with one sentence that says what to do; what was started is stopped again. A mesh has its data
 * folder to itself.
 */
export async function startMesh(options: MeshOptions): Promise<Mesh> {
  const unlock = lockData(options.dataDir, `${host}:${options.portBase}`);
  try {
    const mesh = await startLockedMesh(options);
    return { ...mesh, stop: () => mesh.stop().finally(unlock) };
  } catch (error) {
    unlock();
    throw error;
  }
}

async function startLockedMesh(options: MeshOptions): Promise<Mesh> {
  const { dataDir, portBase, placement, onProgress = () => {} } = options;
  const first = groupsOf(placement, options.only);
  const services = first.flatMap((group) => group.services);
  const groups = [...first, ...replicasOf(first, options.replicas ?? {})];
  await Promise.all([checkPorts(portBase, groups), checkExternals(process.env)]);
  const environment = { ...nodeEnvironment, ...process.env, ...options.env };
  const [servers] = await Promise.all([
    startServers({ dataDir, durable: options.durable, env: process.env, onProgress }),
    fillCompileCache(environment.NODE_COMPILE_CACHE),
  ]);
  const certificates = options.mtls ? startAuthority(join(dataDir, 'tls'), services) : undefined;
  const identity = certificates ? undefined : createServiceIdentity();
  const secrets = localSecrets(dataDir);
  const processes: MeshProcess[] = [];
  const addressesOf = (service: string) =>
    groups
      .filter((group) => group.services.includes(service))
      .map((group) => `${host}:${portBase + servicePort(service, group)}`);
  const addressOf = (service: string) => `${host}:${portBase + registrationOf(service).port}`;
  const providerUrl = `http://${host}:${portBase + sandboxPort}`;
  const env = (group: Group): Record<string, string> => ({
    DATABASE_URL: servers.databaseUrl,
    NATS_URL: servers.natsUrl,
    REDIS_URL: servers.redisUrl,
    MESHWORK_HOST: host,
    MESHWORK_PORT_BASE: String(firstPort(group)),
    ...(options.replicas && { MESHWORK_ADDRESSES: addressSetting() }),
    MESHWORK_METRICS_PORT: String(portBase + metricsPort(group)),
    MESHWORK_TRANSPORT: placement === 'single' ? 'direct' : 'wire',
    ...(certificates?.environment ?? identity!.environment(group.services)),
    LOG_LEVEL: options.logLevel ?? 'info',
    OTEL_SERVICE_NAME: process.env.OTEL_SERVICE_NAME ?? roleOf(group),
    PROVIDER_URL: providerUrl,
    ...secrets,
    ...options.env,
  });

  /** The ports of a process follow from its first one, and a further process of a service needs another than the first. */
  function firstPort(group: Group): number {
    const [service] = group.services;
    return portBase + servicePort(service!, group) - registrationOf(service!).port;
  }

  function addressSetting(): string {
    return services.map((service) => `${service}=${addressesOf(service).join('|')}`).join();
  }

  /** A provider is a stranger: where only certificates open the service itself, its events come by the public door. */
  function webhookTarget(): string {
    if (certificates === undefined) return `grpc://${addressOf('finance.payment')}`;
    return services.includes('platform.gateway') ? `http://${addressOf('platform.gateway')}` : '';
  }

  /** The card provider that stands in for a real one. */
  function startSandbox(): Promise<MeshProcess> {
    return startProcess({
      name: 'sandbox',
      entry: 'services/finance/payment/sandbox/main.ts',
      args: [],
      env: {
        DATABASE_URL: servers.databaseUrl,
        PROVIDER_WEBHOOK_SECRET: secrets.PROVIDER_WEBHOOK_SECRET,
        SANDBOX_PORT: String(portBase + sandboxPort),
        SANDBOX_WEBHOOK_TARGET: webhookTarget(),
        LOG_LEVEL: options.logLevel ?? 'info',
        ...options.env,
      },
      logFile: join(dataDir, 'logs', 'sandbox.log'),
      onExit,
    });
  }

  const onExit = (name: string, cause: string) =>
    onProgress(`${name} ended (${cause}); starting it again`);

  async function stop(): Promise<void> {
    for (const running of processes.toReversed()) await running.stop();
    certificates?.stop();
    await servers.stop();
  }

  try {
    const inProcesses = groups.length === 1 ? 'one process' : `${groups.length} processes`;
    onProgress(`starting ${services.length} services in ${inProcesses}`);
    const started = await Promise.allSettled(
      groups.map((group) =>
        startProcess({
          name: group.name,
          entry: 'services/main.ts',
          args: group.services,
          env: env(group),
          logFile: join(dataDir, 'logs', `${group.name}.log`),
          onExit,
        }),
      ),
    );
    if (services.includes('finance.payment')) processes.push(await startSandbox());
    for (const result of started) if (result.status === 'fulfilled') processes.push(result.value);
    const failed = started.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
  } catch (error) {
    await stop();
    throw error;
  }

  const ways = createWays({
    transport: 'wire',
    engine: grpcJsEngine,
    addressesOf,
    dispatcherOf: () => {
      throw new Error('no service lives in this process');
    },
    tlsOf: certificates?.sourceOf,
  });

  return {
    servers,
    secrets,
    processes,
    certificates,
    providerUrl,
    addressOf,
    metricsUrls: Object.fromEntries(
      groups.map((group) => [group.name, `http://${host}:${portBase + metricsPort(group)}`]),
    ),
    client(service, target, as = {}) {
      const token = as.service === undefined ? undefined : identity?.token(as.service);
      return createClient(service, ways(as.service, target), { serviceToken: () => token });
    },
    stop,
  };
}

/** A port in use is found before anything is started, and named. */
async function checkPorts(portBase: number, groups: readonly Group[]): Promise<void> {
  const needed = groups.flatMap((group) => [
    ...group.services.map((service) => [service, servicePort(service, group)] as const),
    [`metrics of ${group.name}`, metricsPort(group)] as const,
  ]);
  for (const [user, offset] of [...needed, ['card provider', sandboxPort] as const]) {
    const port = portBase + offset;
    if (await isPortFree(port)) continue;
    const cause = `port ${port} (${user}) is in use, perhaps by another platform`;
    const remedy = `choose others, as in: npm start -- --port-base ${portBase + 1000}`;
    throw new MeshStartError(`${cause}; ${remedy}`);
  }
}
