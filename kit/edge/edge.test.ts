import { once } from 'node:events';
import { Agent, createServer } from 'node:http';
import { connect } from 'node:net';
import { Code, createClient, type Transport } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { ErrorInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { EchoService } from '#gen/platform/testing/v1/testing_pb.ts';
import { DomainError } from '../errors.ts';
import { limits } from '../limits.ts';
import { createClient as createKitClient } from '../rpc/client/client.ts';
import { createStaticResolver } from '../rpc/client/resolver.ts';
import { createChannel } from '../rpc/client/wire-channel.ts';
import type { Listener } from '../rpc/engine.ts';
import { grpcJsEngine } from '../rpc/grpc-js/engine.ts';
import type { Cancellation } from '../scope.ts';
import { createEchoServer } from '../testing/echo.ts';
import { failure, signal } from '../testing/echo-fixture.ts';
import { createEdgeEngine } from './engine.ts';

let edge: Listener;
const origin = 'https://shop.example';

beforeAll(async () => {
  const server = createEchoServer();
  server.health.set(true);
  const engine = createEdgeEngine([EchoService], {
    cors: { origins: [origin] },
    routes: { '/.well-known/answer.json': async () => ({ status: 200, body: '{"answer":42}' }) },
  });
  edge = await server.listen('127.0.0.1:0', engine);
});
afterAll(() => edge.close());

const url = () => `http://${edge.address}`;
const transports: [string, () => Transport][] = [
  ['gRPC over HTTP/2', () => createGrpcTransport({ baseUrl: url() })],
  ['gRPC-Web over HTTP/1.1', () => createGrpcWebTransport({ baseUrl: url(), httpVersion: '1.1' })],
  ['gRPC-Web over HTTP/2', () => createGrpcWebTransport({ baseUrl: url(), httpVersion: '2' })],
  ['Connect over HTTP/1.1', () => createConnectTransport({ baseUrl: url(), httpVersion: '1.1' })],
  ['Connect over HTTP/2', () => createConnectTransport({ baseUrl: url(), httpVersion: '2' })],
];

describe.each(transports)('one port, %s', (_, transport) => {
  const client = () => createClient(EchoService, transport());

  test('answers a unary call', async () => {
    expect((await client().echo({ text: 'hello', numbers: [1n] })).numbers).toEqual([1n]);
  });

  test('streams answers, and ends the handler when the reader stops', async () => {
    let seen = 0;
    for await (const { index } of client().echoMany({ text: 'again', count: 0 })) {
      expect(index).toBe(seen);
      seen += 1;
      if (seen === 20) break;
    }
    expect(seen).toBe(20);
  });

  test('refuses with the typed reason of the contract', async () => {
    const failure = await client()
      .echoStaff({ text: 'x' }, { headers: { authorization: 'Bearer somebody,customer' } })
      .catch((error) => error);
    expect(failure.code).toBe(7);
    expect(failure.findDetails(ErrorInfoSchema)[0]).toMatchObject({
      reason: 'CALLER_NOT_ALLOWED',
      domain: 'mesh',
    });
  });

  test('knows no method that the contract does not have', async () => {
    const method = { ...EchoService.method.echo, name: 'Forget' };
    await expect(
      transport().unary(method, undefined, undefined, undefined, {}),
    ).rejects.toMatchObject({ code: Code.Unimplemented });
  });

  test('ends a call at its deadline', async () => {
    const failure = await (async () => {
      for await (const _ of client().echoMany({ text: 'x', count: 0 }, { timeoutMs: 100 }));
    })().catch((error) => error);
    expect(failure.code).toBe(4);
  });

  test('does not believe a stranger who says that it is a service', async () => {
    const headers = { 'x-meshwork-service': 'testing.caller' };
    await expect(client().echoInternal({ text: 'x' }, { headers })).rejects.toMatchObject({
      code: 7,
    });
  });
});

test('a refusal reads the same by the mesh’s own engine', async () => {
  class Odd extends DomainError {
    readonly code = 'failed_precondition';
    readonly reason = 'ODD';
    override get message() {
      return 'a: b, c/d? 100% "ü" %3A \u{1f600} and half a pair: \ud83d';
    }
  }
  const server = createEchoServer({
    handlers: {
      echo() {
        throw new Odd();
      },
    },
  });
  const { address } = await server.listen(
    '127.0.0.1:0',
    createEdgeEngine([EchoService], { cors: { origins: [] }, routes: {} }),
  );
  const channel = createChannel({
    target: 'testing.echo',
    resolver: createStaticResolver([address]),
    engine: grpcJsEngine,
  });
  const refusal = await failure(createKitClient(EchoService, channel).echo({}));
  expect(refusal.message).toBe(new Odd().message.toWellFormed());
  const transport = createGrpcTransport({ baseUrl: `http://${address}` });
  const error = await createClient(EchoService, transport)
    .echo({})
    .catch((e) => e);
  expect(error.rawMessage).toBe(new Odd().message.toWellFormed());
  channel.close();
  server.close();
});

test('a browser of a known origin may call, one of another may not read the answer', async () => {
  const preflight = (from: string) =>
    fetch(`${url()}/platform.testing.v1.EchoService/Echo`, {
      method: 'OPTIONS',
      headers: {
        origin: from,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type,authorization,x-grpc-web',
      },
    });
  const known = await preflight(origin);
  expect(known.headers.get('access-control-allow-origin')).toBe(origin);
  expect(known.headers.get('access-control-allow-headers')?.toLowerCase()).toContain('x-grpc-web');
  const other = await preflight('https://evil.example');
  expect(other.headers.get('access-control-allow-origin')).toBeNull();
});

test('a drain does not wait for a browser that keeps its connection and asks again', async () => {
  const server = createEchoServer();
  server.health.set(true);
  const engine = createEdgeEngine([EchoService], { cors: { origins: [] }, routes: {} });
  const { address } = await server.listen('127.0.0.1:0', engine);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const nodeOptions = { agent };
  const door = { baseUrl: `http://${address}`, httpVersion: '1.1' as const, nodeOptions };
  const client = createClient(EchoService, createGrpcWebTransport(door));
  await client.echo({ text: 'hello' });
  const startedAt = performance.now();
  let isDrained = false;
  const drained = server.drain().then(() => {
    isDrained = true;
  });
  while (!isDrained) await client.echo({ text: 'hello' }).catch(() => {});
  await drained;
  expect(performance.now() - startedAt).toBeLessThan(limits.drainMsMax / 4);
  agent.destroy();
});

test('plain JSON is served beside the RPCs', async () => {
  const answer = await fetch(`${url()}/.well-known/answer.json`);
  expect(await answer.json()).toEqual({ answer: 42 });
});

test('JSON that says what the contract does not know is refused, not read without it', async () => {
  const ask = async (body: object) => {
    const answer = await fetch(`${url()}/${EchoService.typeName}/Echo`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status: answer.status, body: (await answer.json()) as { message?: string } };
  };
  expect(await ask({ text: 'a' })).toEqual({ status: 200, body: { text: 'a' } });
  const refused = await ask({ text: 'a', txet: 'b' });
  expect(refused).toMatchObject({ status: 400, body: { code: 'invalid_argument' } });
  expect(refused.body.message).toContain('txet');
});

test('a port in use is an error and not a second listener', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const { port } = taken.address() as { port: number };
  const engine = createEdgeEngine([EchoService], { cors: { origins: [] }, routes: {} });
  await expect(createEchoServer().listen(`127.0.0.1:${port}`, engine)).rejects.toThrow(
    'EADDRINUSE',
  );
  taken.close();
});

test('a door that goes down answers what it has begun, and waits for no idle connection', async () => {
  const begun = signal();
  const goOn = signal();
  const server = createEchoServer({
    handlers: {
      async echo({ text }) {
        begun.fire();
        await goOn.promise;
        return { text };
      },
    },
  });
  const engine = createEdgeEngine([EchoService], { cors: { origins: [] }, routes: {} });
  const { address } = await server.listen('127.0.0.1:0', engine);
  const idle = connect(Number(address.split(':')[1]), '127.0.0.1');
  idle.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  await once(idle, 'data');
  const closed = once(idle, 'close');
  const transport = createConnectTransport({ baseUrl: `http://${address}`, httpVersion: '1.1' });
  const answer = createClient(EchoService, transport).echo({ text: 'last' });
  await begun.promise;
  const drained = server.drain();
  // Long before the drain is over, and long before the connection would be given up for being idle.
  await closed;
  goOn.fire();
  expect(await answer).toMatchObject({ text: 'last' });
  const startedAt = performance.now();
  await drained;
  expect(performance.now() - startedAt).toBeLessThan(limits.drainMsMax / 3);
});

test('a long stream keeps nothing of the answers that were taken', async () => {
  let listening = 0;
  let listeningMost = 0;
  /** Counts who waits for the end of a call. */
  function count(cancellation: Cancellation): void {
    const listen = cancellation.onCancel.bind(cancellation);
    cancellation.onCancel = (listener) => {
      listening += 1;
      listeningMost = Math.max(listeningMost, listening);
      const leave = listen(listener);
      return () => {
        listening -= 1;
        leave();
      };
    };
  }
  const server = createEchoServer({
    handlers: {
      async *echoMany({ text, count: answers }, call) {
        count(call.cancellation);
        for (let index = 0; index < answers; index += 1) yield { text, index };
      },
    },
  });
  const engine = createEdgeEngine([EchoService], { cors: { origins: [] }, routes: {} });
  const door = await server.listen('127.0.0.1:0', engine);
  onTestFinished(() => door.close());
  const transport = createGrpcTransport({ baseUrl: `http://${door.address}` });
  let seen = 0;
  for await (const _ of createClient(EchoService, transport).echoMany({ text: 'x', count: 200 }))
    seen += 1;
  expect(seen).toBe(200);
  expect(listeningMost).toBeLessThan(5);
});
