import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { OrderEvent } from '#services/commerce/order/domain/reducer.ts';
import type { Step } from '#services/finance/payment/domain/work.ts';
import { root } from '../run.ts';
import { orderPoints, otherPoints } from './points.ts';

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

const inCode = readPoints();
const killed = Object.values(orderPoints).flat();

test('chaos kills at every place on the way of an order, or says why it does not', () => {
  expect(inCode.filter((name) => !killed.includes(name) && !(name in otherPoints))).toEqual([]);
});

test('every place at which chaos kills is in the code, and in the service that it is listed under', () => {
  expect(killed.filter((name) => !inCode.includes(name))).toEqual([]);
  for (const [service, names] of Object.entries(orderPoints)) {
    expect(names.filter((name) => !name.startsWith(`${service}.`))).toEqual([]);
  }
});

test('every place that chaos leaves out is in the code, and is not one at which it kills', () => {
  expect(Object.keys(otherPoints).filter((name) => !inCode.includes(name))).toEqual([]);
  expect(killed.filter((name) => name in otherPoints)).toEqual([]);
});

/**
 * The names of all places in the code of the kit and of the services that are on the way of an order. Another service is
 * on it as soon as orderPoints names it.
 */
function readPoints(): string[] {
  const services = Object.keys(orderPoints).map((name) => `services/${name.replace('.', '/')}`);
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
