import { type ExecFileOptions, execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { root } from '../run.ts';

/** The repository once more, without its history, so that a service can be begun in it. */
let copy: string;
const leftOut = new Set(['node_modules', '.git', '.meshwork']);
/** A machine that does other things as well takes its time for a compiler and three servers. */
const patienceMs = 120_000;

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'meshwork-new-'));
  for (const name of readdirSync(root).filter((each) => !leftOut.has(each))) {
    cpSync(join(root, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
});
afterAll(() => rmSync(copy, { recursive: true, force: true }));

interface Ended {
  code: number;
  output: string;
}

function runInCopy(command: string, ...args: string[]): Promise<Ended> {
  // What this test run tells its workers is not for the one that it starts.
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(VITEST|NODE_ENV|TEST$)/.test(name),
  );
  const { databaseUrl, natsUrl, redisUrl } = inject('servers');
  const servers = { DATABASE_URL: databaseUrl, NATS_URL: natsUrl, REDIS_URL: redisUrl };
  const path = `${join(copy, 'node_modules/.bin')}:${process.env.PATH}`;
  const options: ExecFileOptions = {
    cwd: copy,
    env: { ...Object.fromEntries(own), ...servers, PATH: path, NO_COLOR: '1' },
  };
  return new Promise((resolve) => {
    execFile(command, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : Number(error.code ?? 1);
      resolve({ code, output: `${stdout}${stderr}` });
    });
  });
}

const begin = (name: string) => runInCopy('node', 'tools/new.ts', name);

describe('npm run new', () => {
  test(
    'begins a service that passes every check and its own tests at once',
    async () => {
      const begun = await begin('social/bookmark');
      expect(begun.output).toContain('What is left to you');
      expect(begun.code).toBe(0);
      // Both at once, and the tests on the servers of this run: what costs the most here is starting things.
      const [checked, tested] = await Promise.all([
        runInCopy('node', 'tools/check.ts'),
        runInCopy(
          'vitest',
          'run',
          '--no-isolate',
          '--maxWorkers=1',
          'services/social/bookmark',
          'tests/conformance/reasons',
          'tests/conformance/drift',
        ),
      ]);
      expect(checked.output).not.toContain('FAIL');
      expect(checked.code).toBe(0);
      expect(tested.output).toMatch(/Tests +\d+ passed \(\d+\)/);
      expect(tested.code, tested.output).toBe(0);
    },
    patienceMs,
  );

  test('refuses a service that exists, in one sentence', async () => {
    expect(await begin('commerce/inventory')).toEqual({
      code: 1,
      output: expect.stringMatching(/^commerce\.inventory exists already: \S+\n$/),
    });
  });

  test('refuses a name that is none, in one sentence', async () => {
    expect(await begin('Bad-Name')).toEqual({
      code: 1,
      output: expect.stringMatching(/^name the service [^\n]+\n$/),
    });
  });
});
