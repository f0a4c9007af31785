import { expect, test } from 'vitest';
import { registry } from '#services/registry.ts';
import { deathsOf, type Kill, planEverything, planKills } from './plan.ts';
import { orderPoints } from './points.ts';

/** Of a whole mesh with one process a service. */
const victims = {
  processes: [...registry.map(({ name }) => name), 'sandbox'],
  servers: ['nats', 'postgres', 'redis'],
  points: orderPoints,
};
const everybody = [...victims.processes, ...victims.servers].toSorted();
const everyPoint = Object.values(orderPoints).flat().toSorted();

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

test('two hundred kills leave out nobody and no place, whatever the seed', () => {
  for (let seed = 1; seed <= 100; seed += 1) {
    const plan = planKills(victims, 200, seed);
    expect([...new Set(crashed(plan))].toSorted(), `seed ${seed}`).toEqual(everybody);
    expect([...new Set(places(plan))].toSorted(), `seed ${seed}`).toEqual(everyPoint);
  }
});

test('the shortest plan kills everybody once, and once at each place', () => {
  const plan = planEverything(victims, 1);
  expect(crashed(plan).toSorted()).toEqual(everybody);
  expect(places(plan).toSorted()).toEqual(everyPoint);
});

function crashed(plan: readonly Kill[]): string[] {
  return plan.flatMap((kill) => (kill.kind === 'crash' ? kill.victims : []));
}

function places(plan: readonly Kill[]): string[] {
  return plan.flatMap((kill) => (kill.kind === 'points' ? kill.points : [])).map((p) => p.name);
}
