import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { root, run } from './run.ts';
import { shellWords } from './tool.ts';

const { scripts } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
  scripts: Record<string, string>;
};
/** The commands of this repository. */
const tools = Object.entries(scripts).flatMap(([name, script]) => {
  const file = /^node (tools\/.*)$/.exec(script)?.[1];
  return file === undefined ? [] : [{ name, file }];
});

test.each(tools)('npm run $name -- --help prints how it is used', async ({ name, file }) => {
  const usage = name === 'start' ? 'npm start' : `npm run ${name}`;
  const { code, output } = await run('node', [file, '--help']);
  expect(output).toMatch(new RegExp(`^${usage}( -- .*)?\\n {2}`));
  expect(code).toBe(0);
});

test.each([
  [
    ['start', '--placement', 'many'],
    '--placement must be one of domain, service, single, not "many"',
  ],
  [['start', '--port-base', 'x'], '--port-base must be a number from 1 to 64000, not "x"'],
  [['reset', '--data-dir'], "Option '--data-dir <value>' argument missing"],
  [['check', '--speed'], "Unknown option '--speed'"],
  [['chaos/main', '--system', 'fair'], '--system must be one of shop, bank, not "fair"'],
  [['chaos/main', '--kills', '0'], '--kills must be a whole number from 1 on, not "0"'],
  [['demo/main', 'bank'], '"bank" is no story'],
  [['bench/main'], 'name one of checks, ledger, memory, orders, reserve, rpc, rules, transfer'],
  [['bench/main', 'rpc', '--seconds', 'x'], '--seconds must be above 0, not "x"'],
  [['new'], 'name one service to begin'],
  [['gen', 'order'], "Unexpected argument 'order'"],
])('%j is refused before anything is done', async ([tool, ...args], sentence) => {
  const { code, output } = await run('node', [`tools/${tool}.ts`, ...args]);
  expect(output.split('\n')[0]).toBe(sentence);
  expect(output).toMatch(/\nnpm .*\n {2}/);
  expect(output).not.toMatch(/^ +at /m);
  expect(code).toBe(1);
});

test('a reader who has left is no failure', async () => {
  const command = 'node tools/policy.ts | true';
  const ended = await run('bash', ['-o', 'pipefail', '-c', command]);
  expect(ended).toEqual({ code: 0, output: '' });
});

test('arguments are shown as a shell takes them', () => {
  expect(shellWords(['--data-dir', "Ada's data", '--port-base=9000'])).toBe(
    "--data-dir 'Ada'\\''s data' --port-base=9000",
  );
});
