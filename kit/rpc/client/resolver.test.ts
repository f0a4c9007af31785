import { describe, expect, test } from 'vitest';
import { EchoService } from '#gen/platform/testing/v1/testing_pb.ts';
import { createTestClock } from '../../clock.ts';
import { limits } from '../../limits.ts';
import { createEchoServer } from '../../testing/echo.ts';
import { eventually, patient } from '../../testing/echo-fixture.ts';
import { callMany } from '../../testing/fleet.ts';
import { engineLimits } from '../engine-limits.ts';
import { grpcJsEngine } from '../grpc-js/engine.ts';
import { createClient } from './client.ts';
import { createNameResolver } from './resolver.ts';
import { createChannel } from './wire-channel.ts';

/** A name server of which the test says what it answers. */
function names(answers: Record<string, string[] | undefined>) {
  const clock = createTestClock();
  let looks = 0;
  const lookup = async (name: string) => {
    looks += 1;
    const found = answers[name];
    if (found === undefined) throw new Error(`nobody knows ${name}`);
    return found;
  };
  return {
    options: { lookup, clock },
    looks: () => looks,
    async lookAgain() {
      const before = looks;
      clock.advance({ milliseconds: limits.namesLookMs });
      await eventually(async () => looks).toBeGreaterThan(before);
      await new Promise(setImmediate);
    },
  };
}

describe('addresses that are names', () => {
  test('stand for all that the name has, and numbers for themselves', async () => {
    const { options } = names({ a: ['10.0.0.1', '10.0.0.2'], six: ['fd00::1'] });
    const resolver = createNameResolver(['10.0.0.9:1', 'a:2', '[fd00::9]:3', 'six:4'], options);
    expect(resolver.addresses()).toEqual(['10.0.0.9:1', '[fd00::9]:3']);
    await resolver.looked;
    expect(resolver.addresses()).toEqual([
      '10.0.0.9:1',
      '10.0.0.1:2',
      '10.0.0.2:2',
      '[fd00::9]:3',
      '[fd00::1]:4',
    ]);
    resolver.close!();
  });

  test('a process with both families counts once', async () => {
    const { options } = names({ a: ['fd00::1', '10.0.0.1'] });
    const resolver = createNameResolver(['a:1'], options);
    await resolver.looked;
    expect(resolver.addresses()).toEqual(['10.0.0.1:1']);
    resolver.close!();
  });

  test('are looked up anew, and their last addresses count while they cannot be', async () => {
    const answers: Record<string, string[] | undefined> = {};
    const { options, lookAgain, looks } = names(answers);
    const resolver = createNameResolver(['a:1'], options);
    let changes = 0;
    resolver.onChange(() => {
      changes += 1;
    });
    await resolver.looked;
    expect(resolver.addresses()).toEqual([]);
    answers.a = ['10.0.0.1'];
    await lookAgain();
    expect(resolver.addresses()).toEqual(['10.0.0.1:1']);
    answers.a = ['10.0.0.1', '10.0.0.2'];
    await lookAgain();
    expect(resolver.addresses()).toEqual(['10.0.0.1:1', '10.0.0.2:1']);
    for (const nothing of [undefined, []]) {
      answers.a = nothing;
      await lookAgain();
    }
    expect(resolver.addresses()).toEqual(['10.0.0.1:1', '10.0.0.2:1']);
    expect(changes).toBe(2);
    resolver.close!();
    const before = looks();
    options.clock.advance({ milliseconds: limits.namesLookMs });
    expect(looks()).toBe(before);
  });

  test('are not looked up where there are none', () => {
    const { options, looks } = names({});
    expect(createNameResolver(['10.0.0.1:1'], options).looked).toBeUndefined();
    expect(looks()).toBe(0);
  });

  test('what is no address is refused', () => {
    expect(() => createNameResolver(['10.0.0:1'])).toThrow('"10.0.0:1" is an address');
  });
});

test.each(['127.0.0.1', '[::1]', 'localhost'])(
  'a service that listens on %s is called there, from the first call on',
  async (host) => {
    const server = createEchoServer();
    const { address } = await server.listen(`${host}:0`, grpcJsEngine, engineLimits);
    const resolver = createNameResolver([address]);
    const channel = createChannel({ target: 'testing.echo', resolver, engine: grpcJsEngine });
    const client = createClient(EchoService, channel);
    expect(await callMany(10, 5, () => client.echo({}, patient))).toEqual([]);
    channel.close();
    server.close();
  },
);
