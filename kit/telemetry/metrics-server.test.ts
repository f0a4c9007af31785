import { expect, onTestFinished, test } from 'vitest';
import { Health } from '#gen/grpc/health/v1/health_pb.ts';
import { createClient } from '../rpc/client/client.ts';
import { createChannel } from '../rpc/client/wire-channel.ts';
import { grpcJsEngine } from '../rpc/grpc-js/engine.ts';
import { createEchoServer } from '../testing/echo.ts';
import { failure, patient, signal } from '../testing/echo-fixture.ts';
import { beforeScrape } from './metrics.ts';
import { type Servings, startMetricsServer } from './metrics-server.ts';

async function start(servings: () => Servings = () => ({})) {
  const server = await startMetricsServer({ host: '127.0.0.1', port: 0, servings });
  onTestFinished(server.close);
  const get = (path: string, method = 'GET') =>
    fetch(`http://${server.address}${path}`, { method });
  return { get, address: server.address };
}

test('health is 200 while all services take calls, and says which do not', async () => {
  let servings: Servings = {};
  const { get } = await start(() => servings);
  expect((await get('/healthz')).status).toBe(503);
  servings = { 'testing.echo': true, 'testing.other': false };
  const sick = await get('/healthz');
  expect(sick.status).toBe(503);
  expect(await sick.json()).toEqual(servings);
  servings = { 'testing.echo': true };
  expect((await get('/healthz')).status).toBe(200);
});

test('only what is offered is answered', async () => {
  const { get } = await start();
  expect((await get('/')).status).toBe(404);
  expect((await get('/metrics', 'POST')).status).toBe(405);
  const metrics = await get('/metrics?name=x');
  expect(metrics.status).toBe(200);
  expect(metrics.headers.get('content-type')).toContain('text/plain; version=0.0.4');
  expect(await metrics.text()).toContain('process_cpu_seconds_total');
});

test('those who ask at once share one look', async () => {
  const { get } = await start();
  const goOn = signal();
  const both = signal();
  let looks = 0;
  let asked = 0;
  onTestFinished(
    beforeScrape(() => {
      looks += 1;
      return goOn.promise;
    }),
  );
  const answers = [1, 2, 3].map(async () => {
    const answer = get('/metrics');
    asked += 1;
    if (asked === 3) both.fire();
    return (await answer).status;
  });
  await both.promise;
  // The last of them has arrived when a later question has its answer.
  await get('/healthz');
  goOn.fire();
  expect(await Promise.all(answers)).toEqual([200, 200, 200]);
  expect(looks).toBeLessThan(3);
});

test('a method that no contract has makes no label', async () => {
  const { get } = await start();
  const server = createEchoServer();
  onTestFinished(() => server.close());
  const { address } = await server.listen('127.0.0.1:0', grpcJsEngine);
  const channel = createChannel({
    target: 'testing.echo',
    addresses: [address],
    engine: grpcJsEngine,
  });
  onTestFinished(() => channel.close());
  const health = createClient(Health, channel);
  await health.check({}, patient);
  const made = {
    ...channel,
    unary: (call: Parameters<typeof channel.unary>[0], request: never) =>
      channel.unary({ ...call, path: '/made.up.v1.Service/Method' }, request),
  };
  const error = await failure(createClient(Health, made).check({}, patient));
  expect(error.code).toBe('unimplemented');
  const text = await (await get('/metrics')).text();
  expect(text).toContain(
    'rpc_server_calls_total{service="grpc.health.v1.Health",method="Check",code="ok"} 1',
  );
  expect(text).not.toContain('made.up');
});

test('a port that is taken is an error', async () => {
  const { address } = await start();
  const port = Number(address.split(':')[1]);
  const again = startMetricsServer({ host: '127.0.0.1', port, servings: () => ({}) });
  await expect(again).rejects.toThrow('EADDRINUSE');
});
