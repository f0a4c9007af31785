import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { EchoService } from '#gen/platform/testing/v1/testing_pb.ts';
import { limits } from '../limits.ts';
import { createLocalRateLimiter } from '../load/rate-limit.ts';
import { policyOf } from '../rpc/policy.ts';
import { implement } from '../rpc/server/handlers.ts';
import type { EdgeParts, ServiceModule } from '../service.ts';
import { echoHandlers } from '../testing/echo.ts';
import { createNetwork, type Network } from '../testing/network.ts';

let network: Network;
/** What was left to the handler of the last call, in milliseconds. */
let leftMs: number;

const handlers = echoHandlers({
  echo(_, call) {
    leftMs = call.deadlineAt - Date.now();
    return {};
  },
});

function moduleOf(name: string, edge?: EdgeParts): ServiceModule {
  return { name, create: () => ({ implementations: [implement(EchoService, handlers)], edge }) };
}

beforeAll(async () => {
  const edge = { cors: { origins: [] }, routes: {}, rateLimiter: createLocalRateLimiter() };
  const modules = [moduleOf('platform.testing', edge), moduleOf('testing.inner')];
  network = await createNetwork({ ...inject('servers'), modules });
});
afterAll(() => network.stop());

async function askForAnHour(target: string): Promise<void> {
  await network.client(EchoService, target).echo({}, { timeoutMs: 3_600_000 });
}

test("whoever asks the door for an hour gets the method's own deadline, and another service the limit", async () => {
  const ownMs = policyOf(EchoService.method.echo).deadlineMs;
  await askForAnHour('platform.testing');
  expect(leftMs).toBeLessThanOrEqual(ownMs);
  await askForAnHour('testing.inner');
  expect(leftMs).toBeGreaterThan(ownMs);
  expect(leftMs).toBeLessThanOrEqual(limits.deadlineMsMax);
});
