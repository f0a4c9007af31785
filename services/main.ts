// Hosts the services named on the command line in one process: node services/main.ts commerce.order commerce.product

import { createEntrySealer } from '#kit/audit/made-entry.ts';
import { systemClock } from '#kit/clock.ts';
import { ConfigError, readConfig, readSettings } from '#kit/config.ts';
import { MigrationFailed } from '#kit/db/migrate.ts';
import { armDebugPointsFromEnv } from '#kit/debug.ts';
import { afterStart } from '#kit/host/after-start.ts';
import { type Host, startHost } from '#kit/host/host.ts';
import { createWays } from '#kit/host/placement.ts';
import { createAccessTokenVerifier } from '#kit/identity/access-token.ts';
import { watchCertificates } from '#kit/identity/certificates.ts';
import { loadKeysFrom } from '#kit/identity/key-source.ts';
import { createRevocations } from '#kit/identity/revocations.ts';
import { createServiceTokenVerifier } from '#kit/identity/service-token.ts';
import { watchTlsFiles } from '#kit/identity/tls-files.ts';
import { createIdentityVerifier } from '#kit/identity/verifier.ts';
import { formatAddress } from '#kit/rpc/address.ts';
import { grpcJsEngine } from '#kit/rpc/grpc-js/engine.ts';
import { createLogger } from '#kit/telemetry/log.ts';
import { startMetricsServer } from '#kit/telemetry/metrics-server.ts';
import { startTracing } from '#kit/telemetry/setup.ts';
import { issuer, type Registration, registrationOf, registry } from './registry.ts';

const services = process.argv.slice(2);
const allServices = registry.map(({ name }) => name);
/** What the end of this process undoes, last first. */
const undo: (() => unknown)[] = [];

async function start(): Promise<Host> {
  const registrations = readServices();
  const config = readConfig(process.env, allServices);
  const { identity, publicTls } = config;
  armDebugPointsFromEnv(config.debugPoints);
  if (config.traces) undo.push(await startTracing(config.traces, services));
  const addressOn = (host: string, service: string) =>
    formatAddress({ host, port: config.portBase + registrationOf(service).port });
  const certificates =
    identity.kind === 'certificates' ? watchCertificates(identity.paths, services) : undefined;
  if (certificates) undo.push(certificates.close);
  const publicFiles = publicTls && watchTlsFiles(publicTls);
  if (publicFiles) undo.push(publicFiles.close);

  let host: Host | undefined;
  if (config.metricsPort !== undefined) {
    const servings = () =>
      Object.fromEntries(
        [...(host?.services ?? [])].map(([name, { server }]) => [name, server.health.isServing]),
      );
    const metrics = await startMetricsServer({
      host: config.listenHost,
      port: config.metricsPort,
      servings,
    });
    undo.push(metrics.close);
  }
  const ways = createWays({
    transport: config.transport,
    engine: grpcJsEngine,
    addressesOf: (service) => config.addresses.get(service) ?? [addressOn(config.host, service)],
    dispatcherOf: (service) => host?.services.get(service)?.server.dispatcher,
    tlsOf: certificates && ((caller) => certificates.of(caller!)),
  });
  const revocations = createRevocations();
  // Any service may ask, for the keys are public.
  const toIssuer = ways(services[0], issuer);
  undo.push(toIssuer.close);
  const tokens = identity.kind === 'tokens' ? identity : undefined;
  host = await startHost(await Promise.all(registrations.map(({ load }) => load())), {
    databaseUrl: config.databaseUrl,
    databaseConnections: config.databaseConnections,
    natsUrl: config.natsUrl,
    redisUrl: config.redisUrl,
    namespace: config.namespace,
    engine: grpcJsEngine,
    clock: systemClock,
    logLevel: config.logLevel,
    identity: createIdentityVerifier({
      serviceTokens: tokens && createServiceTokenVerifier(tokens.key),
      accessTokens: createAccessTokenVerifier({
        loadKeys: () => loadKeysFrom(toIssuer),
        revocations,
      }),
    }),
    revocations,
    serviceToken: (service) => tokens?.tokens[service],
    channel: ways,
    listenAddress: (service) => addressOn(config.listenHost, service),
    settings: settingsOf,
    tls: certificates?.of,
    publicTls: publicFiles,
    trustedProxies: config.trustedProxies,
    auditSealer: createEntrySealer(config.auditSecret),
  });
  undo.push(host.stop);
  return host;
}

function readServices(): Registration[] {
  const known = `some of ${allServices.join(', ')}`;
  if (services.length === 0) throw new ConfigError(`name the services to host: ${known}`);
  const unknown = services.find((name) => !allServices.includes(name));
  if (unknown !== undefined) throw new ConfigError(`"${unknown}" is no service; name ${known}`);
  return services.map(registrationOf);
}

function settingsOf(service: string): Record<string, string> {
  try {
    return readSettings(process.env, registrationOf(service).settings);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(
      `${error.message}: services/registry.ts has it in the settings of ${service}`,
    );
  }
}

/** For the launcher. A file that cannot be parsed is named only in the first line of the stack. */
function failureOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const place = /^file:\/\/(\S+:\d+)\n/.exec(error.stack ?? '')?.[1];
  return place === undefined ? error.message : `${place}: ${error.name}: ${error.message}`;
}

/** What is wrong with a setting or a migration is for whoever made it; other words of errors may belong in no log. */
function whyOf(error: unknown): string | undefined {
  if (error instanceof MigrationFailed) return `the migration fails: ${error.place}`;
  return error instanceof ConfigError ? error.message : undefined;
}

let isStopping = false;

/** Drains and stops; the process ends by itself when nothing is left to do. */
async function stop(): Promise<void> {
  if (isStopping) return;
  isStopping = true;
  for (const step of undo.toReversed()) await step();
  if (process.connected) process.disconnect();
}

process.on('SIGTERM', stop);
process.on('SIGINT', stop);
// A launcher that died cannot stop us any more: without it we would run on unseen.
process.on('disconnect', stop);

try {
  const host = await start();
  const started = [...host.services.values()];
  afterStart();
  // Asked to stop before there was anything to stop.
  if (isStopping) await host.stop();
  else process.send?.({ ready: started.map(({ name, address }) => ({ name, address })) });
} catch (error) {
  createLogger('host').error({ why: whyOf(error), error }, 'host.start_failed');
  process.send?.({ failed: failureOf(error) });
  process.exitCode = 1;
  await stop();
}
