/** A whole mesh in processes of its own: what `npm start`, end-to-end tests, chaos runs and benchmarks stand on. */
import { join } from 'node:path';
import type { DescService } from '@bufbuild/protobuf';
import { createWays } from '#kit/host/placement.ts';
import { type Client, createClient } from '#kit/rpc/client/client.ts';
import { grpcJsEngine } from '#kit/rpc/grpc-js/engine.ts';
import { isPortFree } from '#kit/testing/port.ts';
import { checkExternals } from '../servers/external.ts';
import { type Servers, startServers } from '../servers/servers.ts';
import { createAddresses, host } from './addresses.ts';
import { type LocalCertificates, startAuthority } from './authority.ts';
import { fillCompileCache } from './compile-cache.ts';
import { type MeshParts, sandboxEnvironment, serviceEnvironment } from './environment.ts';
import { lockData } from './lock.ts';
import { nodeEnvironment } from './node.ts';
import { type Group, groupsOf, type Placement, replicasOf } from './placements.ts';
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
  const { dataDir, portBase, onProgress = () => {} } = options;
  const first = groupsOf(options.placement, options.only);
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
  const addresses = createAddresses(portBase, groups);
  const parts = { options, services, addresses, servers, secrets, certificates, identity };
  const processes: MeshProcess[] = [];

  async function stop(): Promise<void> {
    for (const running of processes.toReversed()) await running.stop();
    certificates?.stop();
    await servers.stop();
  }

  try {
    const inProcesses = groups.length === 1 ? 'one process' : `${groups.length} processes`;
    onProgress(`starting ${services.length} services in ${inProcesses}`);
    const started = await Promise.allSettled(groups.map((group) => startGroup(parts, group)));
    for (const result of started) if (result.status === 'fulfilled') processes.push(result.value);
    const failed = started.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
    // First in the list, and so the last to stop: the payment service calls it to the end.
    if (services.includes('finance.payment')) processes.unshift(await startSandbox(parts));
  } catch (error) {
    await stop();
    throw error;
  }

  const ways = createWays({
    transport: 'wire',
    engine: grpcJsEngine,
    addressesOf: addresses.addressesOf,
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
    providerUrl: addresses.providerUrl,
    addressOf: addresses.addressOf,
    metricsUrls: Object.fromEntries(
      groups.map((group) => [group.name, `http://${host}:${addresses.metricsPortOf(group)}`]),
    ),
    client(service, target, as = {}) {
      const token = as.service === undefined ? undefined : identity?.token(as.service);
      return createClient(service, ways(as.service, target), { serviceToken: () => token });
    },
    stop,
  };
}

function startGroup(parts: MeshParts, group: Group): Promise<MeshProcess> {
  return startProcess({
    name: group.name,
    entry: 'services/main.ts',
    args: group.services,
    env: serviceEnvironment(parts, group),
    ...aroundProcess(parts, group.name),
  });
}

/** The card provider that stands in for a real one. */
function startSandbox(parts: MeshParts): Promise<MeshProcess> {
  return startProcess({
    name: 'sandbox',
    entry: 'services/finance/payment/sandbox/main.ts',
    args: [],
    env: sandboxEnvironment(parts),
    ...aroundProcess(parts, 'sandbox'),
  });
}

/** Where a process logs, and who hears of its end. */
function aroundProcess({ options }: MeshParts, name: string) {
  return {
    logFile: join(options.dataDir, 'logs', `${name}.log`),
    onExit: (ended: string, cause: string) =>
      options.onProgress?.(`${ended} ended (${cause}); starting it again`),
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
