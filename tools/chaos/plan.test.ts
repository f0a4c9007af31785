import { expect, test } from 'vitest';
import { deathsOf, type Kill, orderPoints, planKills } from './plan.ts';

const victims = {
  processes: ['commerce.order', 'finance.payment', 'platform.notification', 'sandbox'],
  servers: ['nats', 'postgres', 'redis'],
  points: orderPoints,
};

test('a seed has one plan, and another seed another', () => {
  expect(planKills(victims, 50, 7)).toEqual(planKills(victims, 50, 7));
  expect(planKills(victims, 50, 7)).not.toEqual(planKills(victims, 50, 8));
});

test.each([1, 2, 3, 17, 200])('a plan of %i kills has as many deaths', (kills) => {
  const deaths = (plan: Kill[]) => plan.reduce((sum, kill) => sum + deathsOf(kill), 0);
  for (let seed = 0; seed < 20; seed += 1) {
    expect(deaths(planKills(victims, kills, seed))).toBe(kills);
  }
});

test('a long plan leaves out nobody and no place', () => {
  const plan = planKills(victims, 400, 1);
  const places = plan.flatMap((kill) => (kill.kind === 'points' ? kill.points : []));
  expect(new Set(places.map(({ name }) => name))).toEqual(
    new Set(Object.values(orderPoints).flat()),
  );
  const killed = plan.flatMap((kill) => ('victim' in kill ? [kill.victim] : []));
  expect(new Set(killed)).toEqual(new Set([...victims.processes, ...victims.servers]));
});
