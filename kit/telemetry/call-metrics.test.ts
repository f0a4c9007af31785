import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { EchoService } from '#gen/platform/testing/v1/testing_pb.ts';
import { createCallMetrics } from './call-metrics.ts';

const options = { prefix: 'calls', callsHelp: 'Calls.', secondsHelp: 'Seconds.' };
const echo = 'service="platform.testing.v1.EchoService",method="Echo"';

test('counts calls by status, and their time in buckets that hold all below their bound', async () => {
  const registry = new Registry();
  const recorderOf = createCallMetrics(registry, options);
  const record = recorderOf(EchoService.method.echo);
  for (const seconds of [0, 0.001, 0.0011, 0.3, 11]) record('ok', seconds);
  // Whoever asks for the same method adds to the same numbers.
  recorderOf(EchoService.method.echo)('not_found', 0.3);

  const text = await registry.metrics();
  expect(text).toContain('# TYPE calls_calls_total counter');
  expect(text).toContain('# TYPE calls_seconds histogram');
  const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const cumulated = [2, 3, 3, 3, 3, 3, 3, 3, 5, 5, 5, 5, 5];
  const bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
  expect(samples).toEqual([
    `calls_calls_total{${echo},code="ok"} 5`,
    `calls_calls_total{${echo},code="not_found"} 1`,
    ...bounds.map((le, i) => `calls_seconds_bucket{${echo},le="${le}"} ${cumulated[i]}`),
    `calls_seconds_bucket{${echo},le="+Inf"} 6`,
    expect.stringMatching(/^calls_seconds_sum\{.*\} 11\.60/),
    `calls_seconds_count{${echo}} 6`,
  ]);
});

test('asking twice counts nothing twice', async () => {
  const registry = new Registry();
  const record = createCallMetrics(registry, options)(EchoService.method.echo);
  record('ok', 0.01);
  const first = await registry.metrics();
  expect(await registry.metrics()).toBe(first);
  record('ok', 0.01);
  expect(await registry.metrics()).toContain(`calls_calls_total{${echo},code="ok"} 2`);
});
