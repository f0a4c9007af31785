import type { ServerResponse } from 'node:http';
import { createServer } from '../host/node-http.ts';
import { limits } from '../limits.ts';
import { formatAddress } from '../rpc/address.ts';
import { contentType, scrape } from './metrics.ts';

/** Whether a service takes calls, by its name. */
export type Servings = Readonly<Record<string, boolean>>;

/**
 * Answers over plain HTTP what those ask who run the process and are no members of the mesh: `/metrics` in Prometheus'
 * text format, and `/healthz`, which is 200 while every service of the process takes calls and 503 otherwise, with a JSON
 * object that says which do. It costs nothing until somebody asks. Rejects when the port is taken.
 */
export async function startMetricsServer(options: {
  host: string;
  /** 0 for any. */
  port: number;
  /** The services of this process; none while it starts. */
  servings(): Servings;
}): Promise<{ address: string; close(): void }> {
  const { host, port, servings } = options;
  const { metricsRequestMsMax: requestTimeout, metricsHeaderBytesMax: maxHeaderSize } = limits;
  const server = createServer({ requestTimeout, maxHeaderSize }, ({ method, url }, response) => {
    const path = (url ?? '').split('?')[0];
    if (path !== '/metrics' && path !== '/healthz') return end(response, 404, textType, '');
    if (method !== 'GET' && method !== 'HEAD') return end(response, 405, textType, '');
    if (path === '/healthz') return tellHealth(response, servings());
    scrape().then(
      (text) => end(response, 200, contentType, text),
      () => end(response, 500, textType, ''),
    );
  });
  server.maxConnections = limits.metricsConnectionsMax;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const bound = server.address() as { port: number };
  return {
    address: formatAddress({ host, port: bound.port }),
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

const textType = 'text/plain; charset=utf-8';

function tellHealth(response: ServerResponse, services: Servings): void {
  const all = Object.values(services);
  const isHealthy = all.length > 0 && all.every(Boolean);
  end(response, isHealthy ? 200 : 503, 'application/json', `${JSON.stringify(services)}\n`);
}

function end(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type });
  response.end(body);
}
