import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { ConfigError } from './config.ts';
import { armDebugPoint, armDebugPointsFromEnv, debugPoint } from './debug.ts';

test('a place does nothing until it is armed, nor after it was disarmed', async () => {
  const passed: string[] = [];
  debugPoint('testing.place');
  const first = armDebugPoint('testing.place', () => void passed.push('first'));
  const second = armDebugPoint('testing.place', () => void passed.push('second'));
  // The latest action is the one: the end of an earlier one does not take it away.
  first();
  debugPoint('testing.place');
  debugPoint('testing.other');
  second();
  debugPoint('testing.place');
  expect(passed).toEqual(['second']);
});

test('the environment names the pass at which a process dies', () => {
  const module = JSON.stringify(new URL('./debug.ts', import.meta.url).href);
  const script = `
  import { armDebugPointsFromEnv, debugPoint } from ${module};
  armDebugPointsFromEnv('testing.other=kill,testing.place=kill:3');
  for (let pass = 1; pass <= 5; pass += 1) {
    process.stdout.write(String(pass));
    debugPoint('testing.place');
  }`;
  const args = ['--input-type=module', '--eval', script];
  const { signal, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect({ signal, stdout }).toEqual({ signal: 'SIGKILL', stdout: '123' });
});

test.each([
  'testing.place=kil',
  'testing.place=pause:2',
  'testing.place',
  'testing.place=kill:',
  'testing.place=kill:0',
  'testing.place=kill:often',
  '=kill',
])('the environment cannot say "%s"', (item) => {
  const arm = () => armDebugPointsFromEnv(`${item},`);
  expect(arm).toThrow(ConfigError);
  expect(arm).toThrow(`"${item}"`);
});

test('an environment that names no place arms none', () => {
  for (const text of [undefined, '', ',']) expect(() => armDebugPointsFromEnv(text)).not.toThrow();
});
