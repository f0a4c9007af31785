import { once } from 'node:events';
import { connect as connectHttp2, constants } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { EchoService } from '#gen/platform/testing/v1/testing_pb.ts';
import { engineLimits } from '../rpc/engine-limits.ts';
import type { Handlers } from '../rpc/server/handlers.ts';
import { createEchoServer } from '../testing/echo.ts';
import { signal } from '../testing/echo-fixture.ts';
import { startWire } from '../testing/proxy.ts';
import { createEdgeEngine } from './engine.ts';

const briefMs = 200;
const large = 'x'.repeat(3_000_000);
const path = `/${EchoService.typeName}`;

type Limits = Partial<typeof engineLimits> & { idleMsMax?: number };

/** A door that waits only as long as a test says. Answers its "host:port". */
async function openDoor(
  limits: Limits,
  handlers: Partial<Handlers<typeof EchoService>> = {},
): Promise<string> {
  const server = createEchoServer({ handlers });
  const { idleMsMax, ...options } = limits;
  const cors = { origins: [] };
  const edge = { cors, routes: {}, ...(idleMsMax === undefined ? {} : { idleMsMax }) };
  const engine = createEdgeEngine([EchoService], edge);
  const door = await server.listen('127.0.0.1:0', engine, { ...engineLimits, ...options });
  onTestFinished(() => door.close());
  return door.address;
}

/** HTTP/2 written by hand: nothing is sent or read but what a test says. */
function openSession(address: string) {
  const session = connectHttp2(`http://${address}`);
  session.on('error', () => {});
  onTestFinished(() => session.destroy());
  const request = (method: string, type = 'application/grpc') => {
    const stream = session.request({
      ':method': 'POST',
      ':path': `${path}/${method}`,
      'content-type': type,
      te: 'trailers',
    });
    stream.on('error', () => {});
    return stream.pause();
  };
  return { session, request };
}

function openSocket(address: string): Socket {
  const { hostname, port } = new URL(`tcp://${address}`);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
  return socket.resume();
}

const head = (method: string, length: number) =>
  `POST ${path}/${method} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;

describe('a request that never arrives is given up', () => {
  test('over HTTP/2', async () => {
    const { request } = openSession(await openDoor({ transferMsMax: briefMs }));
    const streams = [request('Echo'), request('EchoMany'), request('Unknown')];
    streams[0]!.write(Buffer.alloc(3));
    for (const stream of streams) {
      if (!stream.closed) await once(stream, 'close');
      expect(stream.rstCode).toBe(constants.NGHTTP2_CANCEL);
    }
  });

  test('over HTTP/1.1, in its head and in its body', async () => {
    const address = await openDoor({ transferMsMax: briefMs });
    const beginnings = ['POST / HTTP/1.1\r\nho', head('Echo', 100), head('Unknown', 100)];
    for (const beginning of beginnings) {
      const socket = openSocket(address);
      socket.write(beginning);
      await once(socket, 'close');
    }
  });

  test('an upload takes its time', async () => {
    const { request } = openSession(await openDoor({ transferMsMax: briefMs }));
    const upload = request('EchoJoined').resume();
    const trailers = once(upload, 'trailers');
    // Somebody who began later has been given up, twice over, when it goes on.
    await once(request('Echo'), 'close');
    await once(request('Echo'), 'close');
    upload.end(Buffer.alloc(5));
    expect((await trailers)[0]).toMatchObject({ 'grpc-status': '0' });
  });
});

describe('an answer that nobody takes is given up', () => {
  const handlers = { echo: () => ({ text: large }) };

  test('over HTTP/2', async () => {
    const { request } = openSession(await openDoor({ transferMsMax: briefMs }, handlers));
    const stream = request('Echo');
    stream.end(Buffer.alloc(5));
    await once(stream, 'close');
    expect(stream.rstCode).toBe(constants.NGHTTP2_CANCEL);
  });

  test('over HTTP/1.1', async () => {
    const done = signal();
    const address = await openDoor(
      { transferMsMax: briefMs },
      {
        async *echoMany() {
          try {
            for (;;) yield { text: large };
          } finally {
            done.fire();
          }
        },
      },
    );
    const socket = openSocket(address).pause();
    const body = '{}';
    const envelope = Buffer.from([0, 0, 0, 0, body.length]);
    socket.write(
      `POST ${path}/EchoMany HTTP/1.1\r\nhost: x\r\ncontent-type: application/connect+json\r\ncontent-length: 7\r\n\r\n`,
    );
    socket.write(Buffer.concat([envelope, Buffer.from(body)]));
    await done.promise;
  });
});

describe('a connection', () => {
  test('without a call is closed, and not before', async () => {
    const goOn = signal();
    const address = await openDoor(
      { keepaliveMs: 50, idleMsMax: 1 },
      {
        async echo() {
          await goOn.promise;
          return { text: 'late' };
        },
      },
    );
    const { session, request } = openSession(address);
    let isOver = false;
    const goneAway = once(session, 'goaway').then(() => {
      isOver = true;
    });
    const stream = request('Echo').resume();
    const trailers = once(stream, 'trailers');
    stream.end(Buffer.alloc(5));
    // Another one that comes later and does nothing has been closed when this one is answered.
    await once(openSession(address).session, 'close');
    expect(isOver).toBe(false);
    goOn.fire();
    expect((await trailers)[0]).toMatchObject({ 'grpc-status': '0' });
    await goneAway;
  });

  test('of a peer whose network went away is ended, and so are its calls', async () => {
    const ended = signal();
    const begun = signal();
    const address = await openDoor(
      { keepaliveMs: 100 },
      {
        async *echoMany(_, call) {
          begun.fire();
          await new Promise((resolve) => call.signal.addEventListener('abort', resolve));
          ended.fire();
          yield {};
        },
      },
    );
    const wire = await startWire(() => address);
    onTestFinished(() => wire.stop());
    openSession(wire.address).request('EchoMany').end(Buffer.alloc(5));
    await begun.promise;
    wire.hush();
    await ended.promise;
  });
});
