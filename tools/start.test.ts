import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type RunningCommand, startCommand } from '../tests/support/command.ts';
import { commandsIn } from '../tests/support/start-output.ts';
import { freePortBase } from './mesh/ports.ts';
import { root, run } from './run.ts';

let dataDir: string;
let started: RunningCommand[] = [];
beforeEach(() => {
  // With a space, as many a folder of people's has.
  dataDir = mkdtempSync(join(tmpdir(), 'meshwork start-'));
  started = [];
});
afterEach(async () => {
  for (const command of started) await command.stop();
  // A platform that was killed, and taken over by none, has left its servers.
  await run('node', ['tools/reset.ts', '--data-dir', dataDir]);
});

function start(portBase: number): RunningCommand {
  const options = `--empty --data-dir '${dataDir}' --port-base ${portBase}`;
  const command = startCommand(`exec node tools/start.ts ${options}`, root);
  started.push(command);
  return command;
}

const ready = /^ready in [\d.]+ s$/m;

test('npm start says where everything is, how staff begins an empty shop, and what finds it again', async () => {
  const base = await freePortBase();
  const platform = start(base);
  const output = await platform.says(ready);
  const rows = [...output.matchAll(/^ {2}(\S.*?) {2,}(127\.0\.0\.1:\d+) {2,}\S/gm)];
  const addresses = Object.fromEntries(rows.map(([, name, address]) => [name, address]));
  expect(addresses).toMatchObject({
    'platform.gateway': `127.0.0.1:${base}`,
    'commerce.order': `127.0.0.1:${base + 13}`,
    'card provider': `127.0.0.1:${base + 90}`,
    'process finance': `127.0.0.1:${base + 121}`,
    postgres: expect.any(String),
  });
  const [first, ...services] = Object.keys(addresses).filter((name) => name.includes('.'));
  expect(first).toBe('platform.gateway');
  expect(services).toEqual(services.toSorted());

  const { heading, commands } = commandsIn(output.split('\n\n').at(-2)!);
  expect(heading).toContain(`${dataDir}/secrets.json`);
  expect(commands).toHaveLength(3);
  // A second time they change nothing, and fail as little.
  for (let time = 0; time < 2; time += 1) {
    const tried = await run('bash', ['-euo', 'pipefail', '-c', commands.join('\n')]);
    expect(tried.output).toMatch(/"title":"First tea".*"onHand":"250","available":"250"/);
  }

  await platform.stop();
  const again = `npm start -- --empty --data-dir '${dataDir}' --port-base ${base}`;
  expect(platform.output()).toMatch(new RegExp(`; everything is found again by: ${again}\\n$`));
});

test('a second platform on the same data is refused, until the first is gone however it ended', async () => {
  const base = await freePortBase();
  await start(base).says(ready);
  const second = start(await freePortBase()).says(ready);
  const refusal = await second.catch((error: Error) => error.message);
  const [, pid] = /already: process (\d+), at /.exec(refusal)!;
  expect(refusal).toMatch(
    new RegExp(
      ` ended \\(1\\): a platform runs on ${dataDir} already: .*:${base}; stop that .*\\n$`,
    ),
  );

  process.kill(Number(pid), 'SIGKILL');
  const again = start(await freePortBase());
  expect(await again.says(ready)).toMatch(/takes over process \d+, left running/);
});
