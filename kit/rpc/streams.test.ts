import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import { currentScope } from '../scope.ts';
import { failure, read, signal, startEcho, texts } from '../testing/echo-fixture.ts';
import { transports } from '../testing/transports.ts';

describe.each(transports)('over $name', (transport) => {
  test("a reader that stops early ends the handler's generator", async () => {
    const closed = signal<number>();
    const { client } = await startEcho(transport, {
      handlers: {
        async *echoMany() {
          let index = 0;
          try {
            for (; ; index += 1) yield { index };
          } finally {
            closed.fire(index);
          }
        },
      },
    });
    for await (const { index } of client.echoMany({})) if (index === 3) break;
    await closed.promise;
  });

  test('a reader that stops early ends a handler that waits', async () => {
    const closed = signal();
    const { client } = await startEcho(transport, {
      handlers: {
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
    for await (const _ of client.echoMany({})) break;
    await closed.promise;
  });

  // Negative: after there was more.
  test.each([-3, -2, -1, 0, 1, 2, 3])(
    'a reader that stops %i microtasks before there is more ends the handler',
    async (microtasks) => {
      const [more, closed] = [signal(), signal()];
      const { client, server } = await startEcho(transport, {
        handlers: {
          async *echoMany() {
            try {
              yield {};
              await more.promise;
              for (;;) yield {};
            } finally {
              closed.fire();
            }
          },
        },
      });
      const answers = client.echoMany({})[Symbol.asyncIterator]();
      await answers.next();
      const acts = [() => void answers.return!(), () => more.fire()];
      if (microtasks < 0) acts.reverse();
      acts[0]!();
      for (let i = 0; i < Math.abs(microtasks); i += 1) await undefined;
      acts[1]!();
      await closed.promise;
      await server.dispatcher.idle();
    },
  );

  test('a handler that ends early ends the call, and closes what the caller sends', async () => {
    const closed = signal();
    const { client } = await startEcho(transport, {
      handlers: {
        async *echoEach(requests) {
          for await (const { text } of requests) {
            yield { text };
            return;
          }
        },
      },
    });
    async function* endless() {
      try {
        for (;;) yield { text: 'again' };
      } finally {
        closed.fire();
      }
    }
    expect((await read(client.echoEach(endless()))).map(({ text }) => text)).toEqual(['again']);
    await closed.promise;
  });

  test('a handler that ends early does not wait for a caller who says nothing more', async () => {
    const { client } = await startEcho(transport, {
      handlers: {
        async *echoEach(requests) {
          for await (const { text } of requests) {
            yield { text };
            return;
          }
        },
      },
    });
    async function* hesitant() {
      yield { text: 'once' };
      await new Promise(() => {});
    }
    expect(await read(client.echoEach(hesitant()))).toHaveLength(1);
  });

  test('an upload whose caller gives up does not look complete to its handler', async () => {
    const reached = signal();
    const outcome = signal<string>();
    const { client } = await startEcho(transport, {
      handlers: {
        async echoJoined(requests) {
          try {
            for await (const _ of requests) reached.fire();
            outcome.fire('complete');
          } catch {
            outcome.fire('broken off');
          }
          return {};
        },
      },
    });
    const abort = new AbortController();
    async function* upload() {
      yield { text: 'first half' };
      await new Promise(() => {});
    }
    const call = failure(client.echoJoined(upload(), { signal: abort.signal }));
    await reached.promise;
    abort.abort();
    expect((await call).code).toBe('cancelled');
    expect(await outcome.promise).toBe('broken off');
  });

  test("an upload whose source fails fails with the source's own error", async () => {
    const outcome = signal<string>();
    const { client } = await startEcho(transport, {
      handlers: {
        async echoJoined(requests) {
          try {
            for await (const _ of requests);
            outcome.fire('complete');
          } catch {
            outcome.fire('broken off');
          }
          return {};
        },
      },
    });
    class DiskFull extends Error {}
    async function* upload() {
      yield { text: 'first half' };
      throw new DiskFull();
    }
    await expect(client.echoJoined(upload())).rejects.toBeInstanceOf(DiskFull);
    expect(await outcome.promise).toBe('broken off');
  });

  test('a slow reader slows the handler down', async () => {
    const bytes = 100_000;
    let made = 0;
    const { client } = await startEcho(transport, {
      handlers: {
        async *echoMany() {
          for (; made < 2_000; made += 1) yield { text: 'x'.repeat(bytes) };
        },
      },
    });
    let read = 0;
    let mostAhead = 0;
    for await (const _ of client.echoMany({})) {
      read += 1;
      // Gives the other side every chance to run ahead.
      for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
      mostAhead = Math.max(mostAhead, made - read);
      if (read === 60) break;
    }
    expect(mostAhead * bytes).toBeLessThan(4_000_000);
  });

  test('a slow handler slows the caller down', async () => {
    let sent = 0;
    let taken = 0;
    let mostAhead = 0;
    const { client } = await startEcho(transport, {
      handlers: {
        async echoJoined(requests) {
          for await (const _ of requests) {
            taken += 1;
            for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
            mostAhead = Math.max(mostAhead, sent - taken);
            if (taken === 2_000) break;
          }
          return {};
        },
      },
    });
    async function* many() {
      for (; sent < 100_000; sent += 1) yield { text: 'x'.repeat(100) };
    }
    await client.echoJoined(many());
    expect(mostAhead).toBeLessThan(1_500);
  });

  test('many messages pass through one stream, both ways', async () => {
    const { client } = await startEcho(transport);
    const count = 5_000;
    async function* numbered() {
      for (let i = 0; i < count; i += 1) yield { text: String(i) };
    }
    let expected = 0;
    for await (const { text } of client.echoEach(numbered())) {
      expect(text).toBe(String(expected));
      expected += 1;
    }
    expect(expected).toBe(count);
  });

  test('a generator runs in the scope of its call, its finally too', async () => {
    const scopes: unknown[] = [];
    const closed = signal();
    const { client } = await startEcho(transport, {
      handlers: {
        async *echoMany(_, call) {
          try {
            for (;;) {
              scopes.push(Object.is(currentScope(), call));
              yield {};
            }
          } finally {
            scopes.push(Object.is(currentScope(), call));
            closed.fire();
          }
        },
      },
    });
    for await (const _ of client.echoMany({})) break;
    await closed.promise;
    expect(new Set(scopes)).toEqual(new Set([true]));
  });

  test('streams leave nothing behind on what outlives them', async () => {
    const inner = await startEcho(transport);
    const abort = new AbortController();
    await read(inner.client.echoMany({ count: 3 }, { signal: abort.signal }));
    await inner.client.echo({}, { signal: abort.signal });
    await inner.client.echoJoined(texts('a'), { signal: abort.signal });
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0);
  });
});
