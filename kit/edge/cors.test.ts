import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { withCors } from './cors.ts';

const shop = 'https://shop.example';
const evil = 'https://evil.example';

/** A server behind CORS, and how many requests came through. */
async function serve(origins: readonly string[]) {
  let handled = 0;
  const server = createServer(
    withCors({ origins }, (_, response) => {
      handled += 1;
      response.end('answer');
    }),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    handled: () => handled,
    ask: (method: string, origin?: string) =>
      fetch(url, { method, headers: origin === undefined ? {} : { origin } }),
  };
}

const wordsOf = (headers: Headers, name: string) =>
  (headers.get(name) ?? '').toLowerCase().split(', ');

test('a preflight of a named origin is told what it may send, and is handled by nobody else', async () => {
  const { ask, handled } = await serve(['https://other.example', shop]);
  const { status, headers } = await ask('OPTIONS', shop);
  expect(status).toBe(204);
  expect(headers.get('access-control-allow-origin')).toBe(shop);
  expect(headers.get('vary')).toBe('Origin');
  expect(wordsOf(headers, 'access-control-allow-methods')).toContain('post');
  expect(wordsOf(headers, 'access-control-allow-headers')).toEqual(
    expect.arrayContaining(['authorization', 'traceparent', 'content-type', 'x-grpc-web']),
  );
  expect(Number(headers.get('access-control-max-age'))).toBeGreaterThan(0);
  expect(handled()).toBe(0);
});

test('an answer may be read by a named origin, with the status that gRPC-Web puts beside it', async () => {
  const { ask, handled } = await serve([shop]);
  const answer = await ask('POST', shop);
  expect(await answer.text()).toBe('answer');
  expect(answer.headers.get('access-control-allow-origin')).toBe(shop);
  expect(answer.headers.get('vary')).toBe('Origin');
  expect(wordsOf(answer.headers, 'access-control-expose-headers')).toEqual(
    expect.arrayContaining(['grpc-status', 'grpc-message']),
  );
  expect(handled()).toBe(1);
});

test.each([evil, 'null', `${shop}.evil.example`, undefined])(
  'an origin that is not named (%s) is told nothing',
  async (origin) => {
    const { ask, handled } = await serve([shop]);
    for (const method of ['OPTIONS', 'POST']) {
      const { headers } = await ask(method, origin);
      const told = [...headers.keys()].filter((name) => name.startsWith('access-control-'));
      expect(told).toEqual([]);
    }
    // Its call is answered all the same: only a browser holds its pages to the rule.
    expect(handled()).toBe(1);
  },
);

test('with * every origin is named, each by its own name', async () => {
  const { ask } = await serve(['*']);
  for (const origin of [shop, evil]) {
    const { headers } = await ask('POST', origin);
    expect(headers.get('access-control-allow-origin')).toBe(origin);
  }
});
