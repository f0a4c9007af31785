import { execFile } from 'node:child_process';
import { expect, test } from 'vitest';
import { root } from '#tools/run.ts';

test('a process that is given what it cannot use ends at once and says what it was', async () => {
  const env = {
    DATABASE_URL: 'postgres://127.0.0.1:1/none',
    NATS_URL: 'nats://127.0.0.1:1',
    REDIS_URL: 'redis://127.0.0.1:1',
    MESHWORK_SERVICE_KEY: 'key',
    MESHWORK_ADDRESSES: 'commerce.inventry=10.0.0.5:7312',
  };
  const args = ['services/main.ts', 'commerce.order'];
  const [code, output] = await new Promise<[unknown, string]>((resolve) => {
    execFile(process.execPath, args, { cwd: root, env }, (error, stdout) =>
      resolve([error?.code, stdout]),
    );
  });
  expect(code).toBe(1);
  expect(JSON.parse(output)).toMatchObject({
    msg: 'host.start_failed',
    why: 'MESHWORK_ADDRESSES names "commerce.inventry", which is no service',
  });
});
