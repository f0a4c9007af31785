import { createServer } from 'node:net';
import { registrationOf, registry } from '#services/registry.ts';
import type { Group } from './placements.ts';

/** Offset of the sandbox provider from the first port; services are below 90 (services/registry.ts). */
export const sandboxPort = 90;

/** Offset of the metrics port of a process: a hundred above that of its first service. */
export function metricsPort({ services }: Group): number {
  return 100 + registrationOf(services[0]!).port;
}

const attemptsMax = 50;
/** Below the ports that servers and outgoing connections get. */
const lowest = 10_000;
const span = 200;
const bases = 50;

/** The first of two hundred ports of which those that a mesh needs are free, in any placement. */
export async function freePortBase(): Promise<number> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const base = lowest + span * Math.floor(Math.random() * bases);
    const offsets = registry.flatMap(({ port }) => [port, port + 100]);
    const ports = [...offsets, sandboxPort].map((offset) => base + offset);
    if ((await Promise.all(ports.map(isFree))).every(Boolean)) return base;
  }
  throw new Error('no free range of ports was found');
}

export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
