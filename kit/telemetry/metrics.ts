/**
 * Metrics of one process, in Prometheus' text format. Label values come from the contract (methods, status names,
 * service names), never from a request, so their number is bounded.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export const registry = new Registry();

/** Adds the process's own: CPU, memory, event-loop lag, garbage collection. Called once by the host. */
export function collectProcessMetrics(): void {
  collectDefaultMetrics({ register: registry });
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
  help: 'Age of the oldest event that is not yet on the bus.',
  labelNames: ['service'] as const,
  registers: [registry],
});
