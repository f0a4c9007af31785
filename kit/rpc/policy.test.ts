import { describe, expect, test } from 'vitest';
import { EchoService } from '#gen/platform/testing/v1/testing_pb.ts';
import { RpcError } from '../errors.ts';
import { read, startEcho, texts } from '../testing/echo-fixture.ts';
import { transports } from '../testing/transports.ts';
import type { Client } from './client/client.ts';

const callers = {
  nobody: {},
  user: { user: 'ann' },
  staff: { user: 'sam,staff' },
  service: { service: 'testing.caller' },
  'another service': { service: 'testing.stranger' },
  'a user through a service': { service: 'testing.caller', user: 'ann' },
  'a user through another service': { service: 'testing.stranger', user: 'ann' },
  'staff through another service': { service: 'testing.stranger', user: 'sam,staff' },
} satisfies Record<string, { user?: string; service?: string }>;

type CallerName = keyof typeof callers;

const all = Object.keys(callers) as CallerName[];
const users: CallerName[] = [
  'user',
  'staff',
  'a user through a service',
  'a user through another service',
  'staff through another service',
];
const rightService: CallerName[] = ['service', 'a user through a service'];

/** Everything that is admitted; whatever is missing here must be refused. */
const admitted: Record<keyof typeof EchoService.method, CallerName[]> = {
  echo: all,
  echoOnce: all,
  echoUser: users,
  echoStaff: ['staff', 'staff through another service', ...rightService],
  echoInternal: rightService,
  echoMany: all,
  echoJoined: all,
  echoEach: all,
};

function call(client: Client<typeof EchoService>, name: string, headers: Record<string, string>) {
  const options = { headers };
  switch (name) {
    case 'echoMany':
      return read(client.echoMany({ count: 1 }, options));
    case 'echoJoined':
      return client.echoJoined(texts('a'), options);
    case 'echoEach':
      return read(client.echoEach(texts('a'), options));
    default:
      return client[name as 'echo']({}, options);
  }
}

const outcomeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'admitted',
    (error: unknown) =>
      error instanceof RpcError ? `${error.code} ${error.reason}` : String(error),
  );

describe.each(transports)('over $name', (transport) => {
  for (const name of all) {
    test(`${name} may call what the contract says, and nothing else`, async () => {
      const { user, service } = callers[name] as { user?: string; service?: string };
      const { client } = await startEcho(transport, { caller: service });
      const headers: Record<string, string> =
        user === undefined ? {} : { authorization: `Bearer ${user}` };

      for (const method of EchoService.methods) {
        const outcome = await outcomeOf(call(client, method.localName, headers));
        const mayCall = admitted[method.localName as 'echo'].includes(name);
        const wantsUser = method.localName === 'echoUser' || method.localName === 'echoStaff';
        const refusal =
          wantsUser && user === undefined
            ? 'unauthenticated CREDENTIALS_REQUIRED'
            : 'permission_denied CALLER_NOT_ALLOWED';
        expect(`${method.name}: ${outcome}`).toBe(
          `${method.name}: ${mayCall ? 'admitted' : refusal}`,
        );
      }
    });
  }

  test('a person is held to the rate of the method, and another one is not', async () => {
    const { client } = await startEcho(transport);
    const as = (user: string) => ({ headers: { authorization: `Bearer ${user}` } });
    for (let i = 0; i < 5; i += 1) await client.echoUser({}, as('ann'));
    const error = await client.echoUser({}, as('ann')).catch((thrown: RpcError) => thrown);
    expect(error).toMatchObject({ code: 'resource_exhausted', reason: 'RATE_LIMITED' });
    expect(Number((error as RpcError).metadata.retry_after_ms)).toBeGreaterThan(0);
    await client.echoUser({}, as('bob'));
  });
});
