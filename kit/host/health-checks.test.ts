import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest';
import {
  Health,
  HealthCheckResponse_ServingStatus as Status,
} from '#gen/grpc/health/v1/health_pb.ts';
import { EchoService } from '#gen/platform/testing/v1/testing_pb.ts';
import type { Client } from '../rpc/client/client.ts';
import { implement } from '../rpc/server/handlers.ts';
import type { ServiceModule } from '../service.ts';
import { echoHandlers } from '../testing/echo.ts';
import { eventually, failure, patient } from '../testing/echo-fixture.ts';
import { createNetwork, type Network } from '../testing/network.ts';
import { type Proxy, startProxy } from '../testing/proxy.ts';

const name = 'platform.testing';
let database: Proxy;
let bus: Proxy;
let network: Network;
let health: Client<typeof Health>;
/** What the service names beside them. */
const named = { isAway: false };

const module: ServiceModule = {
  name,
  create: () => ({
    implementations: [implement(EchoService, echoHandlers())],
    checks: [
      async () => {
        if (named.isAway) throw new Error('away');
      },
    ],
  }),
};

beforeAll(async () => {
  const servers = inject('servers');
  database = await startProxy(servers.databaseUrl);
  bus = await startProxy(servers.natsUrl);
  network = await createNetwork({
    ...servers,
    databaseUrl: database.url,
    natsUrl: bus.url,
    modules: [module],
  });
  health = network.client(Health, name);
});
afterAll(async () => {
  await network.stop();
  await database.stop();
  await bus.stop();
});

const check = async (service = '') => (await health.check({ service }, patient)).status;

/** What a watcher is told, from now to the end of the test. */
function watch(service: string): Status[] {
  const told: Status[] = [];
  const abort = new AbortController();
  const watching = (async () => {
    for await (const { status } of health.watch({ service }, { signal: abort.signal })) {
      told.push(status);
    }
  })().catch(() => {});
  onTestFinished(async () => {
    abort.abort();
    await watching;
  });
  return told;
}

/** Ways to lose what a service depends on, and to get it back. */
const losses: [what: string, take: () => void, giveBack: () => void][] = [
  ['PostgreSQL is cut off', () => database.cut(), () => database.mend()],
  ['PostgreSQL is silent', () => database.hush(), () => database.mend()],
  ['the bus is cut off', () => bus.cut(), () => bus.mend()],
  ['the bus is silent', () => bus.hush(), () => bus.mend()],
  ['what it names itself is away', () => setAway(true), () => setAway(false)],
];

function setAway(isAway: boolean): void {
  named.isAway = isAway;
}

describe('a service', () => {
  test.each(losses)('does not serve while %s, and then again', async (_, take, giveBack) => {
    onTestFinished(giveBack);
    await eventually(() => check()).toBe(Status.SERVING);
    const told = [watch(''), watch(EchoService.typeName)];
    for (const each of told) await eventually(() => each).toEqual([Status.SERVING]);
    take();
    for (const each of told) {
      await eventually(() => each).toEqual([Status.SERVING, Status.NOT_SERVING]);
    }
    expect(await check()).toBe(Status.NOT_SERVING);
    expect(await check(EchoService.typeName)).toBe(Status.NOT_SERVING);
    giveBack();
    for (const each of told) {
      await eventually(() => each).toEqual([Status.SERVING, Status.NOT_SERVING, Status.SERVING]);
    }
    expect(await check()).toBe(Status.SERVING);
  });

  test('that nobody knows is not found by Check, and unknown to Watch', async () => {
    expect(await failure(health.check({ service: 'no.such.Service' }))).toMatchObject({
      code: 'not_found',
      reason: 'SERVICE_NOT_FOUND',
    });
    const told = watch('no.such.Service');
    await eventually(() => told).toEqual([Status.SERVICE_UNKNOWN]);
  });
});
