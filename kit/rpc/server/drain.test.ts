import { describe, expect, test } from 'vitest';
import {
  Health,
  HealthCheckResponse_ServingStatus as Status,
} from '#gen/grpc/health/v1/health_pb.ts';
import type { RpcError } from '../../errors.ts';
import {
  eventually,
  failure,
  patient,
  read,
  signal,
  startEcho,
} from '../../testing/echo-fixture.ts';
import { transports } from '../../testing/transports.ts';
import { createClient } from '../client/client.ts';

const outcomeOf = (call: Promise<unknown>) =>
  call.then(
    () => 'ok',
    (error: RpcError) => error.code,
  );

describe.each(transports)('over $name', (transport) => {
  test('a server that drains loses no call and ends every stream with a reason', async () => {
    const reached = signal();
    const go = signal();
    const closed = signal();
    const { client, server, channel } = await startEcho(transport, {
      handlers: {
        async echoOnce() {
          reached.fire();
          await go.promise;
          return { text: 'finished' };
        },
        async *echoMany(_, call) {
          try {
            yield {};
            await new Promise((resolve) => call.signal.addEventListener('abort', resolve));
          } finally {
            closed.fire();
          }
        },
      },
    });
    const watch = createClient(Health, channel).watch({})[Symbol.asyncIterator]();
    expect((await watch.next()).value?.status).toBe(Status.SERVING);
    const stream = client.echoMany({})[Symbol.asyncIterator]();
    await stream.next();
    const inFlight = client.echoOnce({}, patient);
    await reached.promise;

    let isDrained = false;
    const drained = server.drain().then(() => {
      isDrained = true;
    });
    // Balancers learn first; until they had time to, calls are still taken.
    expect(server.health.isServing).toBe(false);
    const taken = await outcomeOf(client.echo({}, patient));
    if (transport.engine === undefined) expect(taken).toBe('ok');
    expect((await watch.next()).value?.status).toBe(Status.NOT_SERVING);

    expect(await failure(stream.next())).toMatchObject({
      code: 'unavailable',
      reason: 'DRAINING',
      domain: 'mesh',
      notProcessed: false,
    });
    await closed.promise;
    expect(await failure(watch.next())).toMatchObject({ code: 'unavailable', reason: 'DRAINING' });

    expect(await failure(client.echo({}))).toMatchObject({
      code: 'unavailable',
      notProcessed: true,
    });
    expect((await failure(read(client.echoMany({})))).code).toBe('unavailable');
    expect(isDrained).toBe(false);
    go.fire();
    expect((await inFlight).text).toBe('finished');
    await drained;
  });

  test('a server drains once, however often it is told', async () => {
    const { server } = await startEcho(transport);
    expect(server.drain()).toBe(server.drain());
    await server.drain();
  });

  test('a handler that was left by its caller is still waited for', async () => {
    const reached = signal();
    const go = signal();
    const done: string[] = [];
    const { client, server } = await startEcho(transport, {
      handlers: {
        async echo() {
          reached.fire();
          await go.promise;
          done.push('handler');
          return {};
        },
      },
    });
    const abort = new AbortController();
    const call = failure(client.echo({}, { signal: abort.signal }));
    await reached.promise;
    abort.abort();
    await call;
    const drained = server.drain().then(() => done.push('drain'));
    // Once new calls are refused, the old one is all that the drain still waits for.
    await eventually(() => outcomeOf(client.echoOnce({}, patient))).toBe('unavailable');
    go.fire();
    await drained;
    expect(done).toEqual(['handler', 'drain']);
  });
});
