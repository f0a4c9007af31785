import { expect, test } from 'vitest';
import { registry } from '#services/registry.ts';
import { deathsOf, type Kill, planEverything, planKills } from './plan.ts';
import type { System } from './system.ts';
import { systems } from './systems.ts';

/** Of a mesh with one process a service. */
const victimsIn = ({ services = registry.map(({ name }) => name), points }: System) => ({
  processes: [...services, 'sandbox'],
  servers: ['nats', 'postgres', 'redis'],
  points,
});
const all = systems.map((system) => {
  const victims = victimsIn(system);
  const everybody = [...victims.processes, ...victims.servers].toSorted();
  return { name: system.name, victims, everybody, everyPoint: Object.values(system.points).flat() };
});
const { victims } = all[0]!;

test('a seed has one plan, and another seed another', () => {
  expect(planKills(victims, 50, 7)).toEqual(planKills(victims, 50, 7));
  expect(planKills(victims, 50, 7)).not.toEqual(planKills(victims, 50, 8));
  expect(planEverything(victims, 7)).toEqual(planEverything(victims, 7));
  expect(planEverything(victims, 7)).not.toEqual(planEverything(victims, 8));
});

test.each([1, 2, 3, 17, 200])('a plan of %i kills has as many deaths', (kills) => {
  for (let seed = 0; seed < 20; seed += 1) {
    const plan = planKills(victims, kills, seed);
    expect(plan.reduce((sum, kill) => sum + deathsOf(kill), 0)).toBe(kills);
  }
});

test.each(all)(
  'two hundred kills of $name leave out nobody and no place, whatever the seed',
  (of) => {
    const { victims, everybody, everyPoint } = of;
    for (let seed = 1; seed <= 100; seed += 1) {
      const plan = planKills(victims, 200, seed);
      expect([...new Set(crashed(plan))].toSorted(), `seed ${seed}`).toEqual(everybody);
      expect([...new Set(places(plan))].toSorted(), `seed ${seed}`).toEqual(everyPoint.toSorted());
    }
  },
);

test.each(all)('the shortest plan of $name kills everybody once, and once at each place', (of) => {
  const { victims, everybody, everyPoint } = of;
  const plan = planEverything(victims, 1);
  expect(crashed(plan).toSorted()).toEqual(everybody);
  expect(places(plan).toSorted()).toEqual(everyPoint.toSorted());
});

function crashed(plan: readonly Kill[]): string[] {
  return plan.flatMap((kill) => (kill.kind === 'crash' ? kill.victims : []));
}

function places(plan: readonly Kill[]): string[] {
  return plan
    .flatMap((kill) => (kill.kind === 'points' ? kill.rows : []))
    .flatMap(({ points }) => points.map(({ name }) => name));
}
