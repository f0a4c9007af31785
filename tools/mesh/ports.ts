import { createServer } from 'node:net';
import { portBaseDefault } from '#kit/config.ts';
import { assert } from '#kit/errors.ts';
import { isPortFree } from '#kit/testing/port.ts';
import { registrationOf, registry } from '#services/registry.ts';
import { UsageError } from '../tool.ts';
import type { Group } from './placements.ts';

/** Offset of the sandbox provider from the first port; services are below 90 (services/registry.ts). */
export const sandboxPort = 90;

/** Offsets of the further processes of services, above the sandbox provider and below the first metrics port. */
const replicaPorts = Array.from({ length: 9 }, (_, index) => sandboxPort + 1 + index);

/** Offset of the port on which a process of the mesh offers a service. */
export function servicePort(service: string, { replica }: Group): number {
  if (replica === undefined) return registrationOf(service).port;
  const port = replicaPorts[replica];
  assert(port !== undefined, `a mesh has at most ${replicaPorts.length} further processes`);
  return port;
}

/** Offset of the metrics port of a process: a hundred above that of its first service. */
export function metricsPort(group: Group): number {
  return 100 + servicePort(group.services[0]!, group);
}

/** The first port where the command line names none. */
export const portBaseText = process.env.MESHWORK_PORT_BASE ?? String(portBaseDefault);

/** Leaves room for the ports of all services above it. */
const portBaseMax = 64_000;

/** Reads what somebody gave as --port-base. Throws UsageError. */
export function readPortBase(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port <= portBaseMax) return port;
  const range = `a number from 1 to ${portBaseMax}`;
  throw new UsageError(`--port-base must be ${range}, not "${text}"`);
}

const attemptsMax = 50;
/** Below the ports that servers and outgoing connections get. */
const lowest = 10_000;
const span = 201;
const bases = 49;

/**
 * The first of two hundred ports of which those that a mesh needs are free, in any placement. Nobody else is given them
 * while this process lives, for it takes a while until a mesh listens on them.
 */
export async function freePortBase(): Promise<number> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const base = lowest + span * Math.floor(Math.random() * bases);
    const offsets = [...registry.map(({ port }) => port), ...replicaPorts].flatMap((port) => [
      port,
      port + 100,
    ]);
    const ports = [...offsets, sandboxPort].map((offset) => base + offset);
    const areFree = (await Promise.all(ports.map(isPortFree))).every(Boolean);
    if (areFree && (await claim(base))) return base;
  }
  throw new Error('no free range of ports was found');
}

/** The port behind the range is held by whom the range was given. */
function claim(base: number): Promise<boolean> {
  const guard = createServer().unref();
  return new Promise((resolve) => {
    guard.once('error', () => resolve(false));
    guard.listen(base + span - 1, '127.0.0.1', () => resolve(true));
  });
}
