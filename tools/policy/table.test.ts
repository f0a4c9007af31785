import { describe, expect, test } from 'vitest';
import { policiesOf } from '#kit/rpc/policy.ts';
import { allServices } from '../check/contract.ts';
import { root, run } from '../run.ts';
import { policyTables } from './table.ts';

const services = allServices();
const methods = services.flatMap(policiesOf);
const all = new Set(methods.flatMap(([, policy]) => [...policy.services]));

/** The services that may call each method, by its path, as a reader finds them in the tables. */
function readTables(lines: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  let service = '';
  let path = '';
  for (const line of lines) {
    const isRow = /^ {2}\w/.test(line);
    if (/^\w/.test(line)) service = line;
    if (isRow) path = `${service}/${/\w+/.exec(line)![0]}`;
    if (!line.startsWith('  ') || path.endsWith('/method')) continue;
    // The services are the last cell of a row, or below it.
    const text = isRow ? line.trim().split(/ {2,}/).slice(6).join() : line.trim();
    found.set(path, `${found.get(path) ?? ''} ${text}`.trim());
  }
  return found;
}

/** "commerce.order, finance.{payment, risk*}" is three services, "-" is none. */
function expand(text: string): string[] {
  const domains = text.matchAll(/(\w+)\.(?:\{([^}]+)\}|([\w*]+))/g);
  return [...domains].flatMap(([, domain, several, one]) =>
    (several ?? one!).split(', ').map((name) => `${domain}.${name.replace('*', '')}`),
  );
}

describe('the tables of npm run policy', () => {
  const lines = policyTables(services, { words: [], known: new Set() });

  test('fit into 120 columns', () => {
    expect(lines.filter((line) => line.length > 120)).toEqual([]);
  });

  test('lose no method, and none of the services that may call it', () => {
    const told = readTables(lines);
    for (const [{ parent, name }, policy] of methods) {
      const text = told.get(`${parent.typeName}/${name}`);
      expect(text, name).toBeDefined();
      expect(expand(text!).toSorted(), name).toEqual([...policy.services].toSorted());
    }
    expect(methods.length).toBeGreaterThan(40);
  });

  test('mark the services that are not there yet, and only those, and say what the mark means', () => {
    expect(lines.join('\n')).not.toMatch(/finance\.payment(?!\*|\.v1)/);
    expect(lines.at(-1)).toBe('* a service that is not there yet');
    const known = policyTables(services, { words: [], known: all });
    expect(known.join('\n')).not.toContain('*');
  });

  test('have only the methods that were asked for, by any part of their names, in any case', () => {
    const words = ['OrderService/create', 'getjwks'];
    const found = [...readTables(policyTables(services, { words, known: all })).keys()];
    expect(found).toEqual([
      'platform.identity.v1.KeyService/GetJwks',
      'commerce.order.v1.OrderService/CreateOrder',
    ]);
  });
});

test('npm run policy says which word is in no name', async () => {
  const { code, output } = await run('node', ['tools/policy.ts', 'order', 'oder'], root);
  expect(code).toBe(1);
  expect(output).toMatch(/^no method or service has "oder" in its name\nnpm run policy /);
});
