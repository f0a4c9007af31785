import { expect, onTestFinished, test } from 'vitest';
import type { TraceConfig } from '../config.ts';
import { startCollector } from '../testing/collector.ts';
import { scrape } from './metrics.ts';
import { startTracing } from './setup.ts';
import { startSpan } from './trace.ts';

const config = (endpoint: string, more: Partial<TraceConfig> = {}): TraceConfig => ({
  endpoint,
  sampler: 'parentbased_always_on',
  ratio: 1,
  serviceName: '',
  ...more,
});

async function collect(more: Partial<TraceConfig> = {}) {
  const collector = await startCollector();
  onTestFinished(collector.close);
  const stop = await startTracing(config(collector.url, more), ['testing.echo', 'testing.other']);
  return { collector, stop };
}

const parent = (sampled: boolean) => ({
  traceId: 'a'.repeat(32),
  spanId: 'b'.repeat(16),
  sampled,
});

test('spans arrive with their parents, links and process, and those that wait are sent at the stop', async () => {
  const { collector, stop } = await collect();
  const other = { ...parent(true), traceId: 'c'.repeat(32) };
  const outer = startSpan('/testing.Echo/Echo', 'server', parent(true), [other]);
  const inner = startSpan('/testing.Echo/EchoOnce', 'client', outer.context);
  inner.end('unavailable');
  outer.end();
  await stop();
  const process = 'testing.echo testing.other';
  expect(collector.spans).toMatchObject([
    { name: '/testing.Echo/EchoOnce', parentSpanId: outer.context.spanId, kind: 3, process },
    { name: '/testing.Echo/Echo', parentSpanId: 'b'.repeat(16), kind: 2, process },
  ]);
  expect(collector.spans.map(({ traceId }) => traceId)).toEqual(Array(2).fill('a'.repeat(32)));
  expect(collector.spans[1]!.links).toMatchObject([{ traceId: other.traceId }]);
  // Off again.
  expect(startSpan('/testing.Echo/Echo', 'server', undefined).context.sampled).toBe(false);
});

const samplers: [TraceConfig['sampler'], number, number][] = [
  ['parentbased_always_on', 1_000, 1],
  ['parentbased_always_off', 0, 1],
  ['parentbased_traceidratio', 500, 1],
  ['always_on', 1_000, 1],
  ['always_off', 0, 0],
  ['traceidratio', 500, 0.5],
];

test.each(samplers)('%s', async (sampler, roots, ofSampled) => {
  const { stop } = await collect({ sampler, ratio: 0.5 });
  const sampledOf = (count: number, start: () => { context: { sampled: boolean } }) =>
    Array.from({ length: count }, start).filter(({ context }) => context.sampled).length;
  const begun = sampledOf(1_000, () => startSpan('root', 'server', undefined));
  // A coin that is thrown a thousand times is off by a hundred once in four thousand million runs.
  expect(Math.abs(begun - roots)).toBeLessThan(roots === 500 ? 100 : 1);
  expect(sampledOf(100, () => startSpan('child', 'server', parent(false)))).toBe(0);
  const below = sampledOf(100, () => startSpan('child', 'server', parent(true)));
  if (ofSampled !== 0.5) expect(below).toBe(100 * ofSampled);
  await stop();
});

test('a queue that is full is sent whole at the stop', async () => {
  const { collector, stop } = await collect();
  for (let i = 0; i < 10_000; i += 1) startSpan('/testing.Echo/Echo', 'server', undefined).end();
  await stop();
  expect(collector.spans).toHaveLength(4_096 + 512);
});

test('a collector that is away or does not answer costs spans, and little time at the stop', async () => {
  const silent = await startCollector({ answers: false });
  const gone = await startCollector();
  gone.close();
  onTestFinished(silent.close);
  for (const { url } of [silent, gone]) {
    const stop = await startTracing(config(url), ['testing.echo']);
    const startedAt = performance.now();
    for (let i = 0; i < 20_000; i += 1) startSpan('/testing.Echo/Echo', 'server', undefined).end();
    await stop();
    expect(performance.now() - startedAt).toBeLessThan(8_000);
  }
  // What was dropped never left: twenty thousand spans would be some ten million characters.
  expect(silent.text().length).toBeLessThan(4_000_000);
  const failures = /^trace_export_failures_total (\d+)$/m.exec(await scrape());
  expect(Number(failures?.[1])).toBeGreaterThan(0);
});
