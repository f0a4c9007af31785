import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { registry } from '#services/registry.ts';
import { type Copy, copyRepository } from '../../tests/support/copy.ts';

let copy: Copy;
/** A machine that does other things as well takes its time for a compiler and three servers. */
const patienceMs = 300_000;

beforeAll(() => {
  copy = copyRepository();
});
afterAll(() => copy.remove());

const begin = (name: string) => copy.run('node', 'tools/new.ts', name);

/** Named as the templates' own variables and types, as SQL, as another service, and as long as can be. */
const begun = [
  'platform/network',
  'social/promise',
  'social/group',
  'finance/notification',
  'abcdefghijklmnopqrstuvwxyz12345/database',
];

/** The services that are there anyway: what says their name is tested elsewhere, and takes its time. */
const others = registry.map(({ name }) => name.replace('.', '\\.')).join('|');

describe('npm run new', () => {
  test(
    'begins services that pass every check, their own tests and those of the platform, whatever their names',
    async () => {
      for (const name of begun) {
        const { code, output } = await begin(name);
        expect(output).toContain('What is left to you');
        expect(code).toBe(0);
      }
      // Both at once, and the tests on the servers of this run: what costs the most here is starting things.
      const [checked, tested] = await Promise.all([
        copy.run('node', 'tools/check.ts'),
        copy.run(
          'vitest',
          'run',
          '--no-isolate',
          '--maxWorkers=1',
          '--reporter=verbose',
          `--testNamePattern=^(?!.*(${others}))`,
          ...begun.map((name) => `services/${name}/`),
          'tests/conformance/',
          'tools/chaos/points',
        ),
      ]);
      expect(checked.output).not.toContain('FAIL');
      expect(checked.code).toBe(0);
      expect(tested.code, failuresIn(tested.output)).toBe(0);
      for (const name of begun) {
        const service = name.replace('/', '.');
        for (const suite of ['methods', 'foreign', 'card-numbers', 'reasons', 'drift']) {
          expect(tested.output).toMatch(
            new RegExp(`✓ .*tests/conformance/${suite}\\..* ${service}`),
          );
        }
      }
    },
    patienceMs,
  );

  test('refuses a service that exists, in one sentence', async () => {
    expect(await begin('commerce/order')).toEqual({
      code: 1,
      output: 'commerce/order is there already: services/commerce/order\n',
    });
  });

  test('refuses a name that is none, in one sentence', async () => {
    expect(await begin('Bad-Name')).toEqual({
      code: 1,
      output: expect.stringMatching(/^name the service [^\n]+\n$/),
    });
  });

  test('leaves everything as it was when it fails half-way', async () => {
    writeFileSync(join(copy.root, 'proto/common/v1/half.proto'), 'syntax = "proto3"; message {');
    const before = filesIn(copy.root);
    expect(await begin('music/album')).toEqual({
      code: 1,
      output: expect.stringMatching(/^nothing was written, for .*\n(.*\n)*.*half\.proto:1:28:/),
    });
    expect(filesIn(copy.root)).toEqual(before);
  });
});

/** What vitest says of tests that failed; all of it when it failed otherwise. */
function failuresIn(output: string): string {
  const start = output.indexOf('⎯ Failed');
  return start < 0 ? output : output.slice(start);
}

/** Every file and folder that a new service touches, by its path, with what is in it. */
function filesIn(folder: string): Record<string, string> {
  const entries = ['deploy', 'gen', 'proto', 'services', 'tests'].flatMap((name) =>
    readdirSync(join(folder, name), { recursive: true, withFileTypes: true }),
  );
  return Object.fromEntries(
    entries
      .map((entry) => [join(entry.parentPath, entry.name), entry] as const)
      .map(([path, entry]) => [path, entry.isFile() ? readFileSync(path, 'utf8') : '']),
  );
}
