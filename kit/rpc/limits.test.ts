import { describe, expect, test } from 'vitest';
import { EchoService } from '#gen/platform/testing/v1/testing_pb.ts';
import { limits } from '../limits.ts';
import { failure, read, startEcho } from '../testing/echo-fixture.ts';
import { transports } from '../testing/transports.ts';
import type { WireReply } from './engine.ts';
import { engineLimits } from './engine-limits.ts';

const resourceExhausted = 8;

const wires = transports.flatMap((transport) =>
  transport.engine ? [{ ...transport, engine: transport.engine }] : [],
);

describe.each(wires)('over $name', (transport) => {
  const { engine } = transport;
  const small = { ...engineLimits, messageBytesMax: 1_000, headerBytesMax: 1_000 };
  const unbounded = { ...engineLimits, messageBytesMax: 2 ** 28, headerBytesMax: 2 ** 28 };

  /** Calls an echo server whose limits are `server`'s from a connection whose limits are `client`'s. */
  async function call(options: {
    server: typeof small;
    client: typeof small;
    body?: Uint8Array;
    metadata?: Record<string, string>;
    answer?: string;
  }): Promise<WireReply[]> {
    const { server } = await startEcho(transport, {
      handlers: {
        echo: () => ({ text: options.answer ?? '' }),
        async *echoMany() {
          yield { text: options.answer ?? '' };
        },
      },
    });
    const { address } = await server.listen('127.0.0.1:0', engine, options.server);
    const connection = engine.connect(address, options.client);
    const body = options.body ?? new Uint8Array();
    const callTo = (method: string) => ({
      path: `/${EchoService.typeName}/${method}`,
      metadata: options.metadata ?? {},
      deadlineAt: Date.now() + 5_000,
      cancellation: undefined,
    });
    const unary = await connection.unary(callTo('Echo'), body);
    const stream = connection.stream(callTo('EchoMany'));
    void stream.send(body).then(() => stream.end());
    for await (const _ of stream.bodies);
    const streamed = await stream.status;
    // The connection itself is as good as before.
    const again = await connection.unary({ ...callTo('EchoOnce'), metadata: {} }, new Uint8Array());
    expect(again.code).toBe(0);
    connection.close();
    return [unary, { ...streamed, body: undefined }];
  }

  // Field 3, `secret`, of that many bytes.
  const bytes = (size: number) =>
    Buffer.concat([Buffer.of(0x1a, 0x80 | (size & 127), size >> 7), Buffer.alloc(size, 120)]);

  test('a request that is too large is refused by the server', async () => {
    for (const reply of await call({ server: small, client: unbounded, body: bytes(2_000) })) {
      expect(reply.code).toBe(resourceExhausted);
    }
  });

  test('a request that is too large does not leave the client', async () => {
    for (const reply of await call({ server: unbounded, client: small, body: bytes(2_000) })) {
      expect(reply.code).toBe(resourceExhausted);
    }
  });

  test('an answer that is too large is refused by the client', async () => {
    const answer = 'x'.repeat(2_000);
    for (const reply of await call({ server: unbounded, client: small, answer })) {
      expect(reply.code).toBe(resourceExhausted);
    }
  });

  test('an answer that is too large does not leave the server', async () => {
    const answer = 'x'.repeat(2_000);
    for (const reply of await call({ server: small, client: unbounded, answer })) {
      expect(reply.code).toBe(resourceExhausted);
    }
  });

  test('headers that are too large are refused by the server', async () => {
    const metadata = { 'x-large': 'x'.repeat(2_000) };
    for (const reply of await call({ server: small, client: unbounded, metadata })) {
      expect(reply.code).toBe(resourceExhausted);
    }
  });

  test('headers that are too large do not leave the client', async () => {
    const metadata = { 'x-large': 'x'.repeat(2_000) };
    for (const reply of await call({ server: unbounded, client: small, metadata })) {
      expect(reply.code).toBe(resourceExhausted);
    }
  });

  test('headers that no peer could take are a refusal too, and not the end of the connection', async () => {
    const metadata = { 'x-large': 'x'.repeat(200_000) };
    for (const reply of await call({ server: unbounded, client: unbounded, metadata })) {
      expect(reply.code).not.toBe(0);
      expect(reply.code).not.toBe(14);
    }
  });

  test('a header that HTTP/2 cannot carry is a refusal, not a crash', async () => {
    const { client } = await startEcho(transport);
    const headers = { 'x-broken': 'line\nbreak' };
    expect((await failure(client.echo({}, { headers }))).code).toBe('internal');
    expect((await failure(read(client.echoMany({}, { headers })))).code).toBe('internal');
  });

  test('a message just within the limit passes', async () => {
    const { client } = await startEcho(transport);
    const text = 'x'.repeat(1_000_000);
    expect((await client.echo({ text })).text).toBe(text);
    expect(limits.messageBytesMax).toBeGreaterThan(1_000_000);
  });
});
