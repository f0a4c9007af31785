/**
 * Metrics of one process, in Prometheus' text format. Label values come from the contract (methods, status names,
 * service names), never from a request, so their number is bounded: a call of a method that no contract has is refused
 * before it is counted.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

const registry = new Registry();

/** What is looked up when somebody asks and not counted as it happens: each sets its own gauges and never rejects. */
const looks = new Set<() => Promise<void>>();
let scraping: Promise<string> | undefined;
let isProcessCollected = false;

/** The content type of what `scrape` answers. */
export const { contentType } = registry;

/** Calls `look` before each scrape. The answer ends that. */
export function beforeScrape(look: () => Promise<void>): () => void {
  looks.add(look);
  return () => looks.delete(look);
}

/** All metrics as they are now, as text. Whoever asks while a scrape is under way gets that one. */
export function scrape(): Promise<string> {
  scraping ??= collect().finally(() => {
    scraping = undefined;
  });
  return scraping;
}

/** Gauges that are called totals, which a linter of metrics refuses. */
const notWanted = ['handles', 'requests', 'resources'].map((what) => `nodejs_active_${what}_total`);

/** The process's own (CPU, memory, event-loop lag, garbage) are watched from the first scrape on, for that has a price. */
async function collect(): Promise<string> {
  if (!isProcessCollected) {
    isProcessCollected = true;
    collectDefaultMetrics({ register: registry });
    for (const name of notWanted) registry.removeSingleMetric(name);
  }
  await Promise.all([...looks].map((look) => look()));
  return registry.metrics();
}

const seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export const serverCalls = new Counter({
  name: 'rpc_server_calls_total',
  help: 'Calls answered, by method and status.',
  labelNames: ['service', 'method', 'code'] as const,
  registers: [registry],
});

export const serverSeconds = new Histogram({
  name: 'rpc_server_seconds',
  help: 'Time from the arrival of a call to its answer.',
  labelNames: ['service', 'method'] as const,
  buckets: seconds,
  registers: [registry],
});

export const clientCalls = new Counter({
  name: 'rpc_client_calls_total',
  help: 'Logical calls made, by method and status.',
  labelNames: ['service', 'method', 'code'] as const,
  registers: [registry],
});

export const clientSeconds = new Histogram({
  name: 'rpc_client_seconds',
  help: 'Time of a logical call, attempts included.',
  labelNames: ['service', 'method'] as const,
  buckets: seconds,
  registers: [registry],
});

export const clientRetries = new Counter({
  name: 'rpc_client_retries_total',
  help: 'Attempts after the first, by method; `throttled` counts those the budget refused.',
  labelNames: ['service', 'method', 'outcome'] as const,
  registers: [registry],
});

export const ejections = new Counter({
  name: 'rpc_client_ejections_total',
  help: 'Addresses taken out of the rotation because their calls failed.',
  labelNames: ['target'] as const,
  registers: [registry],
});

export const shedCalls = new Counter({
  name: 'rpc_server_shed_total',
  help: 'Calls refused because the process had too much to do, by cause.',
  labelNames: ['service', 'cause'] as const,
  registers: [registry],
});

export const events = new Counter({
  name: 'bus_events_total',
  help: 'Events by service, direction (published, consumed) and outcome.',
  labelNames: ['service', 'direction', 'outcome'] as const,
  registers: [registry],
});

export const outboxWaiting = new Gauge({
  name: 'outbox_oldest_seconds',
  help: 'Age of the oldest event that is not yet on the bus; 0 when all are.',
  labelNames: ['service'] as const,
  registers: [registry],
});

export const queueWaiting = new Gauge({
  name: 'queue_waiting',
  help: 'What waits to be done, by queue: the outbox, the events of a consumer in the whole mesh, the work of a job.',
  labelNames: ['service', 'queue'] as const,
  registers: [registry],
});

export const serverInFlight = new Gauge({
  name: 'rpc_server_in_flight',
  help: 'Calls being answered and streams open, by kind (call, stream).',
  labelNames: ['service', 'kind'] as const,
  registers: [registry],
});

export const traceExportFailures = new Counter({
  name: 'trace_export_failures_total',
  help: 'Batches of spans that the collector did not take; they are dropped.',
  registers: [registry],
});
