import { randomUUID } from 'node:crypto';
import type { Sampler } from '@opentelemetry/sdk-trace';
import type { TraceConfig } from '../config.ts';
import { limits } from '../limits.ts';
import { atMost } from '../within.ts';
import { traceExportFailures } from './metrics.ts';
import { useTracer } from './trace.ts';

/**
 * Sends spans to a collector, as OTLP over HTTP, from now on. Headers, compression and certificates of that connection
 * are the exporter's own settings (`OTEL_EXPORTER_OTLP_HEADERS` and so on). A collector that cannot be reached costs
 * spans and nothing else. The SDK takes five to twenty MB, so it is loaded here and not before.
 *
 * The answer sends what is left, waits at most limits.spanExportMsMax for it, and turns spans off.
 */
export async function startTracing(
  config: TraceConfig,
  services: readonly string[],
): Promise<() => Promise<void>> {
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-http');
  const { BatchSpanProcessor, TracerProvider } = await import('@opentelemetry/sdk-trace');
  const { resourceFromAttributes } = await import('@opentelemetry/resources');
  const { setGlobalErrorHandler } = await import('@opentelemetry/core');
  setGlobalErrorHandler(() => traceExportFailures.inc());
  const exporter = new OTLPTraceExporter({
    url: `${config.endpoint.replace(/\/$/, '')}/v1/traces`,
    timeoutMillis: limits.spanExportMsMax,
    // At the stop all that waits goes at once, beside an export that may be under way.
    concurrencyLimit: limits.spansWaitingMax / limits.spansPerExportMax + 1,
  });
  const provider = new TracerProvider({
    sampler: await createSampler(config),
    resource: resourceFromAttributes({
      'service.name': config.serviceName || services.join(' '),
      'service.namespace': 'meshwork',
      'service.instance.id': randomUUID(),
      'process.pid': process.pid,
    }),
    spanLimits: {
      attributeCountLimit: limits.attributesPerSpanMax,
      attributeValueLengthLimit: limits.attributeLengthMax,
    },
    spanProcessors: [
      new BatchSpanProcessor({
        exporter,
        maxQueueSize: limits.spansWaitingMax,
        maxExportBatchSize: limits.spansPerExportMax,
        scheduledDelayMillis: limits.spanExportEveryMs,
        exportTimeoutMillis: limits.spanExportMsMax,
      }),
    ],
  });
  useTracer(provider.getTracer('meshwork'));
  return async () => {
    useTracer(undefined);
    const sent = provider.shutdown().catch(() => traceExportFailures.inc());
    await atMost(limits.spanExportMsMax, sent);
  };
}

/**
 * Who begins a trace decides for all of it: a parent that was not sampled has no sampled children (kit/telemetry/trace.ts),
 * so the two kinds of each name differ only below a parent that was.
 */
async function createSampler({ sampler, ratio }: TraceConfig): Promise<Sampler> {
  const sdk = await import('@opentelemetry/sdk-trace');
  const [kind, isParentBased] = sampler.startsWith('parentbased_')
    ? [sampler.slice('parentbased_'.length), true]
    : [sampler, false];
  const root = {
    always_on: () => new sdk.AlwaysOnSampler(),
    always_off: () => new sdk.AlwaysOffSampler(),
    traceidratio: () => new sdk.TraceIdRatioBasedSampler(ratio),
  }[kind]!();
  return isParentBased ? new sdk.ParentBasedSampler({ root }) : root;
}
