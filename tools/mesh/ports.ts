import { createServer } from 'node:net';
import { registry } from '#services/registry.ts';

/** Offset of the sandbox provider from the first port; services are below 90 (services/registry.ts). */
export const sandboxPort = 90;

const attemptsMax = 50;
/** Below the ports that servers and outgoing connections get. */
const lowest = 10_000;
const span = 100;
const bases = 100;

/** The first of a hundred ports of which those that a mesh needs are free. */
export async function freePortBase(): Promise<number> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const base = lowest + span * Math.floor(Math.random() * bases);
    const ports = [...registry.map(({ port }) => base + port), base + sandboxPort];
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
