import { once } from 'node:events';
import { type ClientHttp2Stream, connect, constants } from 'node:http2';
import { describe, expect, onTestFinished, test } from 'vitest';
import { EchoService } from '#gen/platform/testing/v1/testing_pb.ts';
import { createEchoServer } from '../testing/echo.ts';
import { signal } from '../testing/echo-fixture.ts';
import { transports } from '../testing/transports.ts';
import type { EngineOptions } from './engine.ts';
import { engineLimits } from './engine-limits.ts';
import type { Handlers } from './server/handlers.ts';

const wires = transports.flatMap(({ name, engine, isPlain }) =>
  engine && isPlain ? [{ name, engine }] : [],
);
const brief = { ...engineLimits, transferMsMax: 200 };
const emptyMessage = Buffer.alloc(5);
/** More than the stranger's window takes, and less than the handler of a stream waits for. */
const large = 'x'.repeat(10_000);

describe.each(wires)('over $name', ({ engine }) => {
  /** Opens calls as a stranger does who writes HTTP/2 by hand: nothing is sent or read but what a test says. */
  async function stranger(
    options: EngineOptions,
    handlers: Partial<Handlers<typeof EchoService>> = {},
  ) {
    const server = createEchoServer({ handlers });
    const { address } = await server.listen('127.0.0.1:0', engine, options);
    const session = connect(`http://${address}`, { settings: { initialWindowSize: 1_000 } });
    session.on('error', () => {});
    onTestFinished(() => {
      session.destroy();
      server.close();
    });
    return (method: string, headers: Record<string, string> = {}): ClientHttp2Stream => {
      const call = session.request({
        ':method': 'POST',
        ':path': `/${EchoService.typeName}/${method}`,
        'content-type': 'application/grpc',
        te: 'trailers',
        ...headers,
      });
      call.on('error', () => {});
      return call.pause();
    };
  }

  async function resetOf(call: ClientHttp2Stream): Promise<number> {
    if (!call.closed) await once(call, 'close');
    return call.rstCode;
  }

  test('a request that never arrives is given up', async () => {
    const open = await stranger(brief);
    const headersOnly = open('Echo');
    const half = open('Echo');
    half.write(emptyMessage.subarray(0, 3));
    const unended = open('Echo');
    unended.write(emptyMessage);
    for (const call of [headersOnly, half, unended]) {
      expect(await resetOf(call)).toBe(constants.NGHTTP2_CANCEL);
    }
  });

  test('an answer that nobody takes is given up, of a stream that has ended too', async () => {
    const ended = signal();
    const open = await stranger(brief, {
      echo: () => ({ text: large }),
      async *echoMany() {
        try {
          yield { text: large };
        } finally {
          ended.fire();
        }
      },
    });
    const one = open('Echo');
    one.end(emptyMessage);
    expect(await resetOf(one)).toBe(constants.NGHTTP2_CANCEL);
    const many = open('EchoMany');
    many.end(emptyMessage);
    await ended.promise;
    expect(await resetOf(many)).toBe(constants.NGHTTP2_CANCEL);
  });

  test('an answer that nobody takes is given up at the deadline of its call', async () => {
    const open = await stranger(engineLimits, { echo: () => ({ text: large }) });
    const call = open('Echo', { 'grpc-timeout': '300m' });
    call.end(emptyMessage);
    expect(await resetOf(call)).toBe(constants.NGHTTP2_CANCEL);
  });

  test('a handler has its time all the same', async () => {
    const goOn = signal();
    const open = await stranger(brief, {
      async echoOnce() {
        await goOn.promise;
        return { text: 'late' };
      },
    });
    const worked = open('EchoOnce');
    worked.end(emptyMessage);
    const trailers = once(worked, 'trailers');
    await resetOf(open('Echo'));
    await resetOf(open('Echo'));
    goOn.fire();
    worked.resume();
    expect((await trailers)[0]).toMatchObject({ 'grpc-status': '0' });
  });
});
