import { registrationOf } from '#services/registry.ts';
import type { Group } from './placements.ts';
import { metricsPort, sandboxPort, servicePort } from './ports.ts';

/** The interface on which all of a mesh listens. */
export const host = '127.0.0.1';

/** Where the processes of a mesh listen, as "host:port" or as URLs. */
export interface Addresses {
  /** A service: its first process. */
  addressOf(service: string): string;
  /** A service: each of its processes. */
  addressesOf(service: string): string[];
  /** What a process is told as its first port, from which those of its services follow. */
  portBaseOf(group: Group): number;
  metricsPortOf(group: Group): number;
  readonly sandboxPort: number;
  /** Where the card provider that stands in for a real one listens. */
  readonly providerUrl: string;
}

/** Lays the processes out from the first port on. */
export function createAddresses(portBase: number, groups: readonly Group[]): Addresses {
  return {
    addressOf: (service) => `${host}:${portBase + registrationOf(service).port}`,
    addressesOf: (service) =>
      groups
        .filter((group) => group.services.includes(service))
        .map((group) => `${host}:${portBase + servicePort(service, group)}`),
    // A further process of a service listens elsewhere than the first: its ports begin at another one.
    portBaseOf(group) {
      const [service] = group.services;
      return portBase + servicePort(service!, group) - registrationOf(service!).port;
    },
    metricsPortOf: (group) => portBase + metricsPort(group),
    sandboxPort: portBase + sandboxPort,
    providerUrl: `http://${host}:${portBase + sandboxPort}`,
  };
}
