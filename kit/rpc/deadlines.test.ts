import { describe, expect, onTestFinished, test } from 'vitest';
import { EchoService } from '#gen/platform/testing/v1/testing_pb.ts';
import { limits } from '../limits.ts';
import { remainingMs } from '../scope.ts';
import { failure, patient, read, signal, startEcho } from '../testing/echo-fixture.ts';
import { transports } from '../testing/transports.ts';
import { engineLimits } from './engine-limits.ts';
import { policyOf } from './policy.ts';
import type { Call } from './server/call.ts';

/** How much later than a timer that was set with it a call may end. */
const lateMsMax = 200;

/** When a timer that is set now really fires: on a busy machine later than it should, like every other. */
function firing(ms: number): Promise<number> {
  return new Promise((resolve) => setTimeout(() => resolve(performance.now()), ms));
}

const caller = 'testing.caller';

/** A handler's wait for the end of its call. */
function ended(call: Call): Promise<never> {
  return new Promise((_, reject) => {
    call.signal.addEventListener('abort', () => reject(call.signal.reason), { once: true });
  });
}

describe.each(transports)('over $name', (transport) => {
  test("a call without a deadline ends at the method's own, and its handler is told", async () => {
    const told = signal();
    const { client } = await startEcho(transport, {
      caller,
      handlers: {
        echoInternal: (_, call) => ended(call).finally(() => told.fire()),
      },
    });
    const due = firing(300);
    const error = await failure(client.echoInternal({}));
    const endedAt = performance.now();
    expect(error.code).toBe('deadline_exceeded');
    expect(Math.abs(endedAt - (await due))).toBeLessThan(lateMsMax);
    await told.promise;
  });

  test('a call with a deadline ends at it, although its handler does not listen', async () => {
    const { client } = await startEcho(transport, {
      handlers: { echo: () => new Promise(() => {}) },
    });
    const due = firing(100);
    const error = await failure(client.echo({}, { timeoutMs: 100 }));
    const endedAt = performance.now();
    expect(error.code).toBe('deadline_exceeded');
    expect(Math.abs(endedAt - (await due))).toBeLessThan(lateMsMax);
  });

  test('a stream ends at its deadline, and its handler is told', async () => {
    const told = signal();
    const { client } = await startEcho(transport, {
      handlers: {
        async *echoMany(_, call) {
          yield { text: 'one' };
          await ended(call).finally(() => told.fire());
        },
      },
    });
    const heard: string[] = [];
    const reading = (async () => {
      for await (const { text } of client.echoMany({}, { timeoutMs: 500 })) heard.push(text);
    })();
    expect((await failure(reading)).code).toBe('deadline_exceeded');
    expect(heard).toEqual(['one']);
    await told.promise;
  });

  test('an upload that nobody finishes ends at its deadline', async () => {
    const told = signal();
    const { client } = await startEcho(transport, {
      handlers: {
        async echoJoined(requests) {
          try {
            for await (const _ of requests);
            return { text: 'complete' };
          } finally {
            told.fire();
          }
        },
      },
    });
    const closed = signal();
    async function* halted() {
      try {
        yield { text: 'a' };
        await told.promise;
        yield { text: 'b' };
      } finally {
        closed.fire();
      }
    }
    const error = await failure(client.echoJoined(halted(), { timeoutMs: 100 }));
    expect(error.code).toBe('deadline_exceeded');
    await told.promise;
    await closed.promise;
  });

  test('what is left of the deadline goes down with every hop', async () => {
    const left: number[] = [];
    const inner = await startEcho(transport, {
      handlers: {
        echo() {
          left.push(remainingMs());
          return {};
        },
      },
    });
    const middle = await startEcho(transport, {
      handlers: {
        async echo() {
          left.push(remainingMs());
          return await inner.client.echo({});
        },
      },
    });
    // Less than the method's own, so that what is left is what counts.
    await middle.client.echo({}, { timeoutMs: 1_500 });
    const [first, second] = left as [number, number];
    expect(first).toBeLessThanOrEqual(1_500);
    expect(second).toBeLessThan(first);
  });

  test('a caller who asks for an hour gets limits.deadlineMsMax, and of a stream its own', async () => {
    const left: number[] = [];
    const { client } = await startEcho(transport, {
      handlers: {
        echo(_, call) {
          left.push(call.deadlineAt - Date.now());
          return {};
        },
        async *echoMany(_, call) {
          left.push(call.deadlineAt - Date.now());
          yield {};
        },
      },
    });
    const hour = { timeoutMs: 3_600_000 };
    await client.echo({}, hour);
    await read(client.echoMany({}, hour));
    const [call, stream] = left as [number, number];
    // More than a method's own: services may need it.
    expect(call).toBeGreaterThan(policyOf(EchoService.method.echo).deadlineMs);
    expect(call).toBeLessThanOrEqual(limits.deadlineMsMax);
    expect(stream).toBeLessThanOrEqual(policyOf(EchoService.method.echoMany).deadlineMs);
  });

  test('a nested call is refused at once when too little is left', async () => {
    let nested = 0;
    const inner = await startEcho(transport, {
      handlers: {
        echo() {
          nested += 1;
          return {};
        },
      },
    });
    const outcome = signal<unknown>();
    const { client } = await startEcho(transport, {
      handlers: {
        async echo(_, call) {
          const spare = limits.deadlineReserveMs + limits.deadlineUsefulMsMin - 1;
          // Uses the deadline up without giving the timers that end the call a chance to run.
          while (call.deadlineAt - Date.now() > spare);
          await inner.client.echo({}).catch(outcome.fire);
          return {};
        },
      },
    });
    await client.echo({}, { timeoutMs: 500 }).catch(() => {});
    expect(await outcome.promise).toMatchObject({
      code: 'deadline_exceeded',
      reason: 'DEADLINE_TOO_SHORT',
      notProcessed: true,
    });
    expect(nested).toBe(0);
  });

  test('a caller who gives up ends the call and the calls below it', async () => {
    const reached = signal();
    const told = signal();
    const inner = await startEcho(transport, {
      handlers: {
        echo(_, call) {
          reached.fire();
          return ended(call).finally(() => told.fire());
        },
      },
    });
    const nestedEnd = signal<unknown>();
    const middle = await startEcho(transport, {
      handlers: {
        async echo() {
          await inner.client.echo({}, patient).catch(nestedEnd.fire);
          return {};
        },
      },
    });
    const abort = new AbortController();
    const call = failure(middle.client.echo({}, { ...patient, signal: abort.signal }));
    await reached.promise;
    abort.abort();
    expect((await call).code).toBe('cancelled');
    await told.promise;
    expect(await nestedEnd.promise).toMatchObject({ code: 'cancelled' });
  });

  test('a caller who gives up before the call began sends nothing', async () => {
    let calls = 0;
    const { client } = await startEcho(transport, {
      handlers: {
        echo() {
          calls += 1;
          return {};
        },
        async *echoMany() {
          calls += 1;
          yield {};
        },
      },
    });
    const aborted = AbortSignal.abort();
    expect((await failure(client.echo({}, { signal: aborted }))).code).toBe('cancelled');
    expect((await failure(read(client.echoMany({}, { signal: aborted })))).code).toBe('cancelled');
    await client.echoOnce({});
    expect(calls).toBe(0);
  });

  test('a call that was answered does not cancel its handler', async () => {
    const calls: Call[] = [];
    const { client } = await startEcho(transport, {
      handlers: {
        echo(_, call) {
          calls.push(call);
          return {};
        },
      },
    });
    await client.echo({});
    await client.echo({});
    expect(calls[0]!.cancellation.cancelled).toBe(false);
  });
});

const wires = transports.flatMap((transport) =>
  transport.engine ? [{ ...transport, engine: transport.engine }] : [],
);

describe.each(wires)('a foreign client over $name', (transport) => {
  test.each(['EchoInternal', 'EchoMany'])(
    'that sets no deadline for %s gets the one of the method, or cancels',
    async (name) => {
      const told = signal();
      const { server } = await startEcho(transport, {
        handlers: {
          echoInternal: (_, call) => ended(call).finally(() => told.fire()),
          async *echoMany(_, call) {
            yield {};
            await ended(call).finally(() => told.fire());
          },
        },
      });
      const { address } = await server.listen('127.0.0.1:0', transport.engine);
      const connection = transport.engine.connect(address, engineLimits);
      const call = {
        path: `/${EchoService.typeName}/${name}`,
        metadata: { 'x-meshwork-service': caller },
        deadlineAt: Number.POSITIVE_INFINITY,
        cancellation: undefined,
      };
      if (name === 'EchoInternal') {
        const reply = await connection.unary(call, new Uint8Array());
        expect(reply.code).toBe(4);
      } else {
        const stream = connection.stream(call);
        void stream.send(new Uint8Array());
        stream.end();
        for await (const _ of stream.bodies) stream.cancel();
        expect((await stream.status).code).toBe(1);
      }
      await told.promise;
      connection.close();
    },
  );

  test('that opens a stream, sets no deadline and sends nothing gets the deadline of the method', async () => {
    const policy = policyOf(EchoService.method.echoEach);
    const { deadlineMs } = policy;
    // Its own minute is too long for a test.
    policy.deadlineMs = 100;
    onTestFinished(() => {
      policy.deadlineMs = deadlineMs;
    });
    const told = signal();
    const { server } = await startEcho(transport, {
      handlers: {
        async *echoEach(requests) {
          try {
            for await (const { text } of requests) yield { text };
          } finally {
            told.fire();
          }
        },
      },
    });
    const { address } = await server.listen('127.0.0.1:0', transport.engine);
    const connection = transport.engine.connect(address, engineLimits);
    const stream = connection.stream({
      path: `/${EchoService.typeName}/EchoEach`,
      metadata: {},
      deadlineAt: Number.POSITIVE_INFINITY,
      cancellation: undefined,
    });
    expect((await stream.status).code).toBe(4);
    await told.promise;
    connection.close();
  });
});
