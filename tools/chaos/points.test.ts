import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { OrderEvent } from '#services/commerce/order/domain/reducer.ts';
import type { Step } from '#services/finance/payment/domain/work.ts';
import { root } from '../run.ts';
import type { System } from './system.ts';
import { systems } from './systems.ts';

/** What the saga finds out; people ask for the rest. A kind that is missing here does not compile. */
type Told = Exclude<OrderEvent['kind'], 'cancel' | 'ship' | 'deliver'>;
const told: Record<Told | 'renew', true> = {
  reserved: true,
  stock_refused: true,
  paid: true,
  payment_declined: true,
  payment_timed_out: true,
  committed: true,
  reservation_lost: true,
  compensated: true,
  renew: true,
};
const steps: Record<Step['kind'], true> = {
  charge: true,
  authorize: true,
  capture: true,
  refund: true,
  void: true,
};

/** What can stand for each expression in the name of a place. */
const values: Readonly<Record<string, readonly string[]>> = {
  "event?.kind ?? 'renew'": Object.keys(told),
  'step.kind': Object.keys(steps),
};

const all = systems.map((system) => {
  const killed = Object.values(system.points).flat();
  return { ...system, killed, inCode: readPoints(system) };
});

test.each(all)(
  'chaos kills at every place on the way of the $name, or says why it does not',
  ({ inCode, killed, otherPoints }) => {
    expect(inCode.filter((name) => !killed.includes(name) && !(name in otherPoints))).toEqual([]);
  },
);

test.each(all)(
  'every place of the $name is in the code, and in the kit or in the service that it is listed under',
  ({ points, inCode, killed }) => {
    expect(killed.filter((name) => !inCode.includes(name))).toEqual([]);
    for (const [service, names] of Object.entries(points)) {
      const others = names.filter((name) => !name.startsWith(`${service}.`));
      expect(others.filter((name) => !name.startsWith('kit.'))).toEqual([]);
    }
  },
);

test.each(all)(
  'every place that the $name leaves out is in the code, and is not one at which it kills',
  ({ otherPoints, inCode, killed }) => {
    expect(Object.keys(otherPoints).filter((name) => !inCode.includes(name))).toEqual([]);
    expect(killed.filter((name) => name in otherPoints)).toEqual([]);
  },
);

/**
 * The names of all places in the code of the kit and of the services that a system kills in. Another service is among them
 * as soon as its points name it.
 */
function readPoints({ points }: System): string[] {
  const services = Object.keys(points).map((name) => `services/${name.replace('.', '/')}`);
  const folders = ['kit', ...services].map((folder) => `${folder}/**/*.ts`);
  const files = globSync(folders, { cwd: root }).filter(
    (file) => !file.endsWith('.test.ts') && file !== 'kit/debug.ts',
  );
  return files.flatMap((file) => {
    const text = readFileSync(`${root}${file}`, 'utf8');
    return [...text.matchAll(/\bdebugPoint\(([^)]*)\)/g)].flatMap(([, name]) => namesOf(name!));
  });
}

/** A place is named by a literal; an expression in it stands for each of its values. Throws for any other. */
function namesOf(argument: string): string[] {
  const [, name] = /^\s*['`]([^'`]+(?:\$\{.*\})?)['`],?\s*$/.exec(argument) ?? [];
  if (name === undefined) throw new Error(`a place has no readable name: debugPoint(${argument})`);
  const [, before = name, expression] = /^([^$]*)\$\{(.+)\}$/.exec(name) ?? [];
  if (expression === undefined) return [name];
  if (!(expression in values)) throw new Error(`values of \${${expression}} are not known here`);
  return values[expression]!.map((value) => before + value);
}
