import { expect, inject, test } from 'vitest';
import { freePort } from '#kit/testing/port.ts';
import { ServerStartError } from './errors.ts';
import { checkExternals } from './external.ts';

test('servers that are there, or are not given, are fine', async () => {
  const { databaseUrl, natsUrl, redisUrl } = inject('servers');
  const env = { DATABASE_URL: databaseUrl, NATS_URL: natsUrl, REDIS_URL: redisUrl };
  await expect(checkExternals(env)).resolves.toBeUndefined();
  await expect(checkExternals({ NATS_URL: '' })).resolves.toBeUndefined();
});

test.each([
  ['DATABASE_URL', 'postgres://'],
  ['NATS_URL', 'nats://'],
  ['REDIS_URL', 'redis://user:word@'],
])('%s at which nothing answers is named, with the remedy', async (variable, start) => {
  const port = await freePort();
  const checked = checkExternals({ [variable]: `${start}127.0.0.1:${port}/x` });
  await expect(checked).rejects.toThrow(ServerStartError);
  const sentence = `nothing answers at 127.0.0.1:${port}, where ${variable} says`;
  await expect(checked).rejects.toThrow(sentence);
  await expect(checked).rejects.toThrow(`unset ${variable}`);
});
