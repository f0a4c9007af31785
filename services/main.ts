// Hosts the services named on the command line in one process: node services/main.ts commerce.order commerce.product
import { systemClock } from '#kit/clock.ts';
import { readConfig, readSettings } from '#kit/config.ts';
import { armDebugPointsFromEnv } from '#kit/debug.ts';
import { type Host, startHost } from '#kit/host.ts';
import { createAccessTokenVerifier } from '#kit/identity/access-token.ts';
import { loadKeysFrom } from '#kit/identity/key-source.ts';
import { createRevocations } from '#kit/identity/revocations.ts';
import { createServiceTokenVerifier } from '#kit/identity/service-token.ts';
import { createIdentityVerifier } from '#kit/identity/verifier.ts';
import { createWays } from '#kit/placement.ts';
import type { Channel } from '#kit/rpc/channel.ts';
import { grpcJsEngine } from '#kit/rpc/grpc-js/engine.ts';
import { createLogger } from '#kit/telemetry/log.ts';
import { registrationOf } from './registry.ts';

const registrations = process.argv.slice(2).map(registrationOf);
const config = readConfig(process.env);
const log = createLogger('host', { level: config.logLevel });
armDebugPointsFromEnv(config.debugPoints);

const addressOf = (service: string) =>
  `${config.host}:${config.portBase + registrationOf(service).port}`;

let host: Host | undefined;
const ways = createWays({
  transport: config.transport,
  engine: grpcJsEngine,
  addressesOf: (service) => [addressOf(service)],
  dispatcherOf: (service) => host?.services.get(service)?.server.dispatcher,
});
const revocations = createRevocations();
let toIssuer: Channel | undefined;

/** The way to the service that issues access tokens, as anybody: its keys are public. */
function issuer(): Channel {
  toIssuer ??= ways(undefined, 'platform.user');
  return toIssuer;
}

async function start(): Promise<void> {
  host = await startHost(await Promise.all(registrations.map(({ load }) => load())), {
    databaseUrl: config.databaseUrl,
    natsUrl: config.natsUrl,
    redisUrl: config.redisUrl,
    namespace: config.namespace,
    engine: grpcJsEngine,
    clock: systemClock,
    logLevel: config.logLevel,
    identity: createIdentityVerifier({
      serviceTokens: createServiceTokenVerifier(config.serviceKey),
      accessTokens: createAccessTokenVerifier({
        loadKeys: () => loadKeysFrom(issuer()),
        revocations,
      }),
    }),
    revocations,
    serviceToken: (service) => config.serviceTokens[service],
    channel: ways,
    listenAddress: addressOf,
    settings: (service) => readSettings(process.env, registrationOf(service).settings),
  });
}

let isStopping = false;

/** Drains and stops; the process ends by itself when nothing is left to do. */
async function stop(): Promise<void> {
  if (isStopping) return;
  isStopping = true;
  await host?.stop();
  toIssuer?.close();
  if (process.connected) process.disconnect();
}

process.on('SIGTERM', stop);
process.on('SIGINT', stop);
// A launcher that died cannot stop us any more: without it we would run on unseen.
process.on('disconnect', stop);

try {
  await start();
  process.send?.({
    ready: [...host!.services.values()].map(({ name, address }) => ({ name, address })),
  });
} catch (error) {
  log.error({ error }, 'host.start_failed');
  process.send?.({ failed: error instanceof Error ? error.message : String(error) });
  process.exitCode = 1;
  if (process.connected) process.disconnect();
}
