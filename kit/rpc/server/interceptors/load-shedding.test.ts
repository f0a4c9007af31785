import { expect, onTestFinished, test } from 'vitest';
import { limits } from '../../../limits.ts';
import { failure, signal, startEcho } from '../../../testing/echo-fixture.ts';
import { transports } from '../../../testing/transports.ts';
import { createLoadGauge } from './load-shedding.ts';

const direct = transports.find(({ name }) => name === 'direct')!;

test('a process that lags sheds calls, and takes them again once it has caught up', async () => {
  const load = { loopLagMs: limits.loopLagMsMax + 1, stop() {} };
  const { client, server } = await startEcho(direct, { load });
  expect(await failure(client.echo({}))).toMatchObject({
    code: 'resource_exhausted',
    reason: 'OVERLOADED',
    domain: 'mesh',
  });
  expect(server.health.isServing).toBe(true);
  load.loopLagMs = 0;
  await client.echo({});
});

test('one long pause is no overload, one after the other is', async () => {
  const gauge = createLoadGauge();
  onTestFinished(() => gauge.stop());
  const pause = async () => {
    const until = performance.now() + limits.loopLagMsMax * 2;
    while (performance.now() < until);
    // Timers are due now, the gauge's first: it was set before this one.
    await new Promise((resolve) => setTimeout(resolve));
  };
  await new Promise((resolve) => setTimeout(resolve, limits.loopLagSampleMs * 2));
  await pause();
  const afterOne = gauge.loopLagMs;
  await pause();
  await pause();
  expect(gauge.loopLagMs).toBeGreaterThan(limits.loopLagMsMax);
  expect(afterOne).toBeLessThan(limits.loopLagMsMax);
});

test('calls above the limit are shed, those below it finish', async () => {
  const go = signal();
  const { client } = await startEcho(direct, {
    handlers: {
      async echoOnce() {
        await go.promise;
        return {};
      },
    },
  });
  const held = Array.from({ length: limits.callsInFlightMax }, () => client.echoOnce({}));
  expect((await failure(client.echo({}))).reason).toBe('OVERLOADED');
  go.fire();
  await Promise.all(held);
  await client.echo({});
});
