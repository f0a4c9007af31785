import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { signal } from './echo-fixture.ts';
import { startWire, type Way, type Wire } from './proxy.ts';

let wire: Wire;
/** Both ends of one connection over the wire. */
let ends: { client: Socket; server: Socket };
const server = createServer({ noDelay: true });
const delayMs = 200;

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  wire = await startWire(() => `127.0.0.1:${port}`);
});
beforeEach(async () => {
  const accepted = once(server, 'connection');
  const client = connect(Number(wire.address.split(':')[1]), '127.0.0.1');
  ends = { client, server: (await accepted)[0] as Socket };
  for (const end of Object.values(ends)) end.setEncoding('utf8').on('error', () => {});
});
afterEach(() => {
  wire.mend();
  ends.client.destroy();
});
afterAll(async () => {
  await wire.stop();
  server.close();
});

/** Sends over one way; answers what arrives there from then on, as it stands, and a wait for a text. */
function listen(way: Way) {
  const [from, to] = way === 'there' ? [ends.client, ends.server] : [ends.server, ends.client];
  let heard = '';
  let arrived = signal();
  to.on('data', (text: string) => {
    heard += text;
    arrived.fire();
    arrived = signal();
  });
  return {
    say: (text: string) => from.write(text),
    heard: () => heard,
    async until(text: string) {
      while (heard !== text) await arrived.promise;
    },
  };
}

const both = [
  ['there', 'back'],
  ['back', 'there'],
] as const;

test.each(both)('a delay of one way, %s, holds up that way only, in order', async (slow, quick) => {
  const [late, soon] = [listen(slow), listen(quick)];
  wire.delay({ [slow]: delayMs });
  const sentAt = performance.now();
  late.say('one ');
  soon.say('hello');
  await soon.until('hello');
  expect(late.heard()).toBe('');
  wire.mend();
  late.say('two');
  await late.until('one two');
  expect(performance.now() - sentAt).toBeGreaterThanOrEqual(delayMs);
});

test.each(both)(
  'silence of one way, %s, keeps what is said there until it is mended',
  async (mute, other) => {
    const [kept, open] = [listen(mute), listen(other)];
    wire.hush(mute);
    kept.say('one ');
    open.say('hello');
    await open.until('hello');
    expect(kept.heard()).toBe('');
    wire.mend();
    kept.say('two');
    await kept.until('one two');
  },
);

test('a cut ends connections at both ends', async () => {
  const closed = Object.values(ends).map((end) => {
    const { promise, fire } = signal();
    end.on('close', () => fire());
    return promise;
  });
  wire.cut();
  await Promise.all(closed);
});
