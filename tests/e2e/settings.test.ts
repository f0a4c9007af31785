import { execFile } from 'node:child_process';
import { expect, inject, test } from 'vitest';
import { auditSecret } from '#kit/testing/network.ts';
import { createTestSchema } from '#kit/testing/schema.ts';
import { createServiceIdentity } from '#tools/mesh/secrets.ts';
import { root } from '#tools/run.ts';

/** Starts a process that hosts a service, and answers how it ends and its last line of log. */
async function endOf(service: string, env: Record<string, string>): Promise<[unknown, object]> {
  const args = ['services/main.ts', service];
  const [code, output] = await new Promise<[unknown, string]>((resolve) => {
    execFile(process.execPath, args, { cwd: root, env }, (error, stdout) =>
      resolve([error?.code, stdout]),
    );
  });
  return [code, JSON.parse(output.trim().split('\n').at(-1)!)];
}

test('a process that is given what it cannot use ends at once and says what it was', async () => {
  const env = {
    DATABASE_URL: 'postgres://127.0.0.1:1/none',
    NATS_URL: 'nats://127.0.0.1:1',
    MESHWORK_AUDIT_SECRET: auditSecret,
    REDIS_URL: 'redis://127.0.0.1:1',
    MESHWORK_SERVICE_KEY: 'key',
    MESHWORK_ADDRESSES: 'commerce.inventry=10.0.0.5:7312',
  };
  expect(await endOf('commerce.order', env)).toMatchObject([
    1,
    {
      msg: 'host.start_failed',
      why: 'MESHWORK_ADDRESSES names "commerce.inventry", which is no service',
    },
  ]);
});

test('a setting that a service needs and is not given is named, with the service and its file', async () => {
  const { databaseUrl, natsUrl, redisUrl } = inject('servers');
  const { url, stop } = await createTestSchema(databaseUrl, []);
  const env = {
    DATABASE_URL: url,
    NATS_URL: natsUrl,
    REDIS_URL: redisUrl,
    MESHWORK_AUDIT_SECRET: auditSecret,
    ...createServiceIdentity().environment(['finance.payment']),
  };
  expect(await endOf('finance.payment', env)).toMatchObject([
    1,
    {
      msg: 'host.start_failed',
      why: 'PROVIDER_WEBHOOK_SECRET must be set: services/registry.ts has it in the settings of finance.payment',
    },
  ]);
  await stop();
});
