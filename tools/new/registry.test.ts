import { expect, test } from 'vitest';
import { nextPort } from './registry.ts';

const known = [
  { name: 'platform.gateway', port: 0 },
  { name: 'platform.user', port: 1 },
  { name: 'commerce.order', port: 13 },
  { name: 'finance.payment', port: 21 },
];

test('a service gets the port after those of its domain', () => {
  expect(nextPort('platform', known)).toBe(2);
  expect(nextPort('commerce', known)).toBe(14);
});

test('a new domain begins at the next ten, and a full one goes on where there is room', () => {
  expect(nextPort('social', known)).toBe(31);
  expect(nextPort('commerce', [...known, { name: 'commerce.last', port: 20 }])).toBe(22);
});

test('ports end where the mesh has its own', () => {
  expect(() => nextPort('social', [...known, { name: 'social.last', port: 89 }])).toThrow(
    'no port',
  );
});
