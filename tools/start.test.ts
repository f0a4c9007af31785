import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type RunningCommand, startCommand } from '../tests/support/command.ts';
import { freePortBase } from './mesh/ports.ts';
import { root, run } from './run.ts';

let dataDir: string;
let started: RunningCommand[] = [];
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'meshwork-start-'));
  started = [];
});
afterEach(async () => {
  for (const command of started) await command.stop();
  // A platform that was killed, and taken over by none, has left its servers.
  await run('node', ['tools/reset.ts', '--data-dir', dataDir]);
});

function start(portBase: number): RunningCommand {
  const options = `--empty --data-dir ${dataDir} --port-base ${portBase}`;
  const command = startCommand(`exec node tools/start.ts ${options}`, root);
  started.push(command);
  return command;
}

const ready = /^ready in [\d.]+ s$/m;

test('npm start says where everything is, three commands to try, and that it is ready', async () => {
  const base = await freePortBase();
  const output = await start(base).says(ready);
  const rows = [...output.matchAll(/^ {2}(\S.*?) {2,}(127\.0\.0\.1:\d+) {2,}\S/gm)];
  const addresses = Object.fromEntries(rows.map(([, name, address]) => [name, address]));
  expect(addresses).toMatchObject({
    'platform.gateway': `127.0.0.1:${base}`,
    'commerce.order': `127.0.0.1:${base + 13}`,
    'card provider': `127.0.0.1:${base + 90}`,
    'process finance': `127.0.0.1:${base + 121}`,
    postgres: expect.any(String),
  });
  const tried = output.slice(output.indexOf('\ntry\n') + 5, output.lastIndexOf('\n\nready'));
  expect(tried.replaceAll(/\\\n +/g, '').split('\n')).toEqual([
    expect.stringMatching(/^ {2}npm run demo /),
    expect.stringMatching(/^ {2}curl .* -d '\{"pageSize": 3\}'$/),
    expect.stringMatching(/^ {2}grpcurl .* list$/),
  ]);
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
