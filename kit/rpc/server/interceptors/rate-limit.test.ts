import { once } from 'node:events';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { expect, onTestFinished, test } from 'vitest';
import { EchoService } from '#gen/platform/testing/v1/testing_pb.ts';
import { createEdgeEngine } from '../../../edge/engine.ts';
import { limits } from '../../../limits.ts';
import { createEchoServer } from '../../../testing/echo.ts';
import { eventually } from '../../../testing/echo-fixture.ts';
import type { Engine } from '../../engine.ts';
import { grpcJsEngine } from '../../grpc-js/engine.ts';
import { createTrustedProxies } from '../trusted-proxies.ts';

const edgeEngine = createEdgeEngine([EchoService], { cors: { origins: [] }, routes: {} });
const doors: [string, Engine][] = [
  ['a service', grpcJsEngine],
  ['the public door', edgeEngine],
];

/** Calls an echo server from 127.0.0.1, and answers whom the limit was held against. */
async function subjectOf(engine: Engine, trusted: string[], headers: Record<string, string>) {
  const keys: string[] = [];
  const rateLimiter = {
    take(key: string) {
      keys.push(key);
      return 0;
    },
  };
  const trustedProxies = createTrustedProxies(trusted);
  const server = createEchoServer({ rateLimiter, trustedProxies });
  onTestFinished(() => server.close());
  const { address } = await server.listen('127.0.0.1:0', engine);
  const door = createGrpcTransport({ baseUrl: `http://${address}` });
  await createClient(EchoService, door).echo({ text: 'x' }, { headers });
  return keys.map((key) => key.split(' ')[1]);
}

const headers = { 'x-forwarded-for': '198.51.100.7, 192.0.2.1' };

test.each(doors)('%s believes a proxy that it trusts', async (_, engine) => {
  expect(await subjectOf(engine, ['127.0.0.1'], headers)).toEqual(['192.0.2.1']);
});

test.each(doors)('%s does not believe a stranger', async (_, engine) => {
  expect(await subjectOf(engine, ['192.0.2.1'], headers)).toEqual(['127.0.0.1']);
  expect(await subjectOf(engine, [], headers)).toEqual(['127.0.0.1']);
});

/** Who is signed in, by the token that says so; else who comes from one address. */
const callers = ['somebody', 'nobody'];

test.each(doors.flatMap((door) => callers.map((caller) => [...door, caller] as const)))(
  'one caller at %s has so many streams at once, whoever else has some: %3$s',
  async (_, engine, caller) => {
    const server = createEchoServer({
      handlers: {
        async *echoMany(_, call) {
          yield {};
          await once(call.signal, 'abort');
        },
      },
    });
    onTestFinished(() => server.close());
    const { address } = await server.listen('127.0.0.1:0', engine);
    const client = createClient(EchoService, createGrpcTransport({ baseUrl: `http://${address}` }));
    const open = async (name: string) => {
      const abort = new AbortController();
      const isNobody = name === 'nobody';
      const headers = isNobody ? undefined : { authorization: `Bearer ${name}` };
      const answers = client.echoMany({}, { ...(headers && { headers }), signal: abort.signal });
      await answers[Symbol.asyncIterator]().next();
      return () => abort.abort();
    };
    const names = Array.from({ length: limits.streamsPerCallerMax }, () => caller);
    const [close] = await Promise.all(names.map(open));
    await expect(open(caller)).rejects.toThrow('resource_exhausted');
    await open('somebody else');
    close!();
    await eventually(() =>
      open(caller).then(
        () => 'open',
        () => 'refused',
      ),
    ).toBe('open');
  },
);

test.each(doors)('a person at %s is known by name and not by address', async (_, engine) => {
  const person = { ...headers, authorization: 'Bearer somebody' };
  expect(await subjectOf(engine, ['127.0.0.1'], person)).toEqual(['somebody']);
});
