/**
 * Metrics of one process, in Prometheus' text format. Label values come from the contract (methods, status names,
 * service names), never from a request, so their number is bounded: a call of a method that no contract has is refused
 * before it is counted.
 */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { createCallMetrics } from './call-metrics.ts';

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

/** Calls answered by the servers of this process. */
export const serverCalls = createCallMetrics(registry, {
  prefix: 'rpc_server',
  callsHelp: 'Calls answered, by method and status.',
  secondsHelp: 'Time from the arrival of a call to its answer.',
});

/** Calls made by the clients of this process. */
export const clientCalls = createCallMetrics(registry, {
  prefix: 'rpc_client',
  callsHelp: 'Logical calls made, by method and status.',
  secondsHelp: 'Time of a logical call, attempts included.',
});

/** Second and further attempts of the calls that this process makes, by method; `outcome` is sent or throttled. */
export const clientRetries = new Counter({
  name: 'rpc_client_retries_total',
  help: 'Attempts after the first, by method; `throttled` counts those the budget refused.',
  labelNames: ['service', 'method', 'outcome'] as const,
  registers: [registry],
});

/** Addresses ejected by the balancers of this process, by the service they belong to. */
export const ejections = new Counter({
  name: 'rpc_client_ejections_total',
  help: 'Addresses taken out of the rotation because their calls failed.',
  labelNames: ['target'] as const,
  registers: [registry],
});

/** Calls that load shedding refused, by service and cause. */
export const shedCalls = new Counter({
  name: 'rpc_server_shed_total',
  help: 'Calls refused because the process had too much to do, by cause.',
  labelNames: ['service', 'cause'] as const,
  registers: [registry],
});

/**
 * Events published and consumed; `failed` counts attempts, of one event when it is consumed and of a whole batch when
 * it is published.
 */
export const events = new Counter({
  name: 'bus_events_total',
  help: 'Events by service, direction (published, consumed) and outcome.',
  labelNames: ['service', 'direction', 'outcome'] as const,
  registers: [registry],
});

/** Age of the oldest event in the outbox, in seconds. Absent while the database does not answer. */
export const outboxWaiting = new Gauge({
  name: 'outbox_oldest_seconds',
  help: 'Age of the oldest event that is not yet on the bus; 0 when all are.',
  labelNames: ['service'] as const,
  registers: [registry],
});

/** How much waits in each queue of a service. Absent where it could not be found out. */
export const queueWaiting = new Gauge({
  name: 'queue_waiting',
  help: 'What waits to be done, by queue: the outbox, the events of a consumer in the whole mesh, the work of a job.',
  labelNames: ['service', 'queue'] as const,
  registers: [registry],
});

/** Events that a service gave up on. Above 0 somebody has to look; at limits.deadLettersMax consumers stand still. */
export const deadLettersWaiting = new Gauge({
  name: 'dead_letters',
  help: 'Events that the consumers of a service gave up on and nobody has replayed.',
  labelNames: ['service'] as const,
  registers: [registry],
});

/** What waits in this process to be done in batches, in groups or a few at a time, by its name in the code. */
export const workWaiting = new Gauge({
  name: 'work_waiting',
  help: 'What waits in this process: items for their batch, callers for their group, work for its turn.',
  labelNames: ['work'] as const,
  registers: [registry],
});

/** What of it is under way. */
export const workRunning = new Gauge({
  name: 'work_running',
  help: 'What is under way in this process: batches, callers that were let in, work that has its turn.',
  labelNames: ['work'] as const,
  registers: [registry],
});

/** Connections to the database that are open, by use and state. */
export const databaseConnections = new Gauge({
  name: 'database_connections',
  help: 'Connections by what they are for (transactions, statements) and state (in_use, idle).',
  labelNames: ['service', 'use', 'state'] as const,
  registers: [registry],
});

/** Work that waits for a connection. Above 0 for long, there are too few of them or transactions take too long. */
export const databaseWaiting = new Gauge({
  name: 'database_waiting',
  help: 'Work that waits for a connection, by what it is for.',
  labelNames: ['service', 'use'] as const,
  registers: [registry],
});

/** Calls and streams that the server of a service is at work on. */
export const serverInFlight = new Gauge({
  name: 'rpc_server_in_flight',
  help: 'Calls being answered and streams open, by kind (call, stream).',
  labelNames: ['service', 'kind'] as const,
  registers: [registry],
});

/** Batches of spans that were dropped because the collector did not take them. */
export const traceExportFailures = new Counter({
  name: 'trace_export_failures_total',
  help: 'Batches of spans that the collector did not take; they are dropped.',
  registers: [registry],
});

/** A gauge that a service has for itself. Made once in a process; `name` begins with what it is about: "ledger_…". */
export function createGauge(name: string, help: string): Gauge {
  return new Gauge({ name, help, registers: [registry] });
}

/** Data that a service reads from files which others bring: 1 while those that are there cannot be taken. */
export const referenceDataFault = new Gauge({
  name: 'reference_data_fault',
  help: '1 while a newer file of reference data cannot be read and an older one is used.',
  labelNames: ['service', 'data'] as const,
  registers: [registry],
});
