/** Streams tell people what happens to their own things, and nobody else's. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { allMethods, anyClient, type Outcome } from '../support/any-method.ts';
import { namesOf } from '../support/foreign/names.ts';
import { tracesIn } from '../support/foreign/told.ts';
import type { Owner } from '../support/owner.ts';
import { requestsNaming } from '../support/requests/naming.ts';
import { startWorld, type World } from '../support/world.ts';

const streaming = allMethods()
  .filter(({ method, policy }) => method.methodKind !== 'unary' && policy.audience === 'user')
  .flatMap(({ title, target, method }) =>
    [target, 'platform.gateway'].map((door) => ({ title: `${title} at ${door}`, method, door })),
  );

let world: World;
let owner: Owner;
let listener: Owner;

beforeAll(async () => {
  world = await startWorld();
  owner = await world.owner('canary-of-the-owner', 3_557n);
  listener = await world.owner('who-listens', 1n);
});
afterAll(() => world.stop());

/** Opens a stream about the things of the listener, and hears all of it from then on. */
async function openStream({ title, method, door }: (typeof streaming)[number]) {
  const [asked] = requestsNaming(
    method.input,
    namesOf(listener, () => ''),
  );
  const { request } = asked!.theirs;
  const call = anyClient(world.network, method.parent, door)[method.localName]!;
  const stop = new AbortController();
  const heard: Outcome[] = [];
  const over = (async () => {
    const options = { headers: listener.headers, signal: stop.signal };
    const answers = call(request, options) as AsyncIterable<unknown>;
    for await (const answer of answers) heard.push({ answer });
  })().catch((error) => expect(error).toMatchObject({ code: 'cancelled' }));
  await expect.poll(() => heard.length, { message: title }).toBe(1);
  return {
    title,
    heard,
    traces: () => heard.flatMap((outcome) => tracesIn(outcome, request, owner)),
    async close() {
      stop.abort();
      await over;
    },
  };
}

test('a stream tells its listener what happens to their things, and nobody else’s', async () => {
  const streams = await Promise.all(streaming.map(openStream));
  await owner.stir();
  await listener.stir();
  for (const { title, heard, traces } of streams) {
    await expect.poll(() => heard.length, { message: title }).toBeGreaterThan(1);
    expect(traces(), title).toEqual([]);
  }
  await Promise.all(streams.map(({ close }) => close()));
});
