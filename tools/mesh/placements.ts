import { assert } from '#kit/errors.ts';
import { registry } from '#services/registry.ts';
import { UsageError } from '../tool.ts';

/** How services are spread over processes. */
export type Placement = 'domain' | 'service' | 'single';

export const placements: readonly Placement[] = ['domain', 'service', 'single'];

/** Reads what somebody gave as --placement. Throws UsageError. */
export function readPlacement(text: string): Placement {
  const known = placements.find((placement) => placement === text);
  if (known !== undefined) return known;
  throw new UsageError(`--placement must be one of ${placements.join(', ')}, not "${text}"`);
}

/** One process: its name, and the services that it hosts. */
export interface Group {
  name: string;
  services: string[];
  /** Which of the further processes of its only service it is, counted over the whole mesh from 0; absent for a first. */
  replica?: number;
}

/**
 * The processes of a placement: one for each domain (the default), one for each service, or one for all. `only` leaves
 * out services that are not named.
 */
export function groupsOf(placement: Placement, only?: readonly string[]): Group[] {
  const services = registry
    .map(({ name }) => name)
    .filter((name) => only === undefined || only.includes(name));
  if (placement === 'single') return [{ name: 'mesh', services }];
  const groups = new Map<string, string[]>();
  for (const service of services) {
    const name = placement === 'service' ? service : service.slice(0, service.indexOf('.'));
    groups.set(name, [...(groups.get(name) ?? []), service]);
  }
  return [...groups].map(([name, members]) => ({ name, services: members }));
}

/** What all processes that share a work are called together: further ones have the name of the first. */
export function roleOf({ name, services, replica }: Group): string {
  return replica === undefined ? name : services[0]!;
}

/** Further processes of services that have one each: `replicas` says how many there are in all, by service. */
export function replicasOf(
  groups: readonly Group[],
  replicas: Readonly<Record<string, number>>,
): Group[] {
  return Object.entries(replicas)
    .flatMap(([service, count]) => {
      const group = groups.find(({ services }) => services[0] === service);
      assert(group?.services.length === 1, `${service} has a process of its own`);
      return Array.from({ length: count - 1 }, (_, index) => ({
        name: `${service}.${index + 2}`,
        services: [service],
      }));
    })
    .map((group, replica) => ({ ...group, replica }));
}
