import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  NotificationKind,
  NotificationService,
} from '#gen/platform/notification/v1/notification_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Network } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';
import { personOf, type TestPerson } from './testing.ts';

const names = ['platform.notification'];
let network: Network;
let second: Network;

beforeAll(async () => {
  network = await startNetwork(names);
  second = await startNetwork(names, { joins: network });
});
afterAll(async () => {
  await second.stop();
  await network.stop();
});

/** Tells a person, by either process. */
function announce({ id }: TestPerson, title: string) {
  const processes = [network, second];
  const process = processes[title.length % 2]!;
  return process
    .client(NotificationService, 'platform.notification', { service: 'platform.user' })
    .sendNotification({
      requestId: uuidv7(),
      userId: id,
      kind: NotificationKind.ANNOUNCEMENT,
      subjectId: title,
      parameters: { title, body: 'b' },
    });
}

/** Follows from a cursor until `count` titles came; answers them and the cursor after them. */
async function follow(person: TestPerson, cursor: string, count: number, onOpen = () => {}) {
  const stop = new AbortController();
  const { headers } = person;
  const stream = person.client.streamNotifications({ cursor }, { headers, signal: stop.signal });
  const titles: string[] = [];
  let last = cursor;
  let isOpen = false;
  for await (const answer of stream) {
    last = answer.cursor;
    if (!isOpen) {
      expect(answer.notifications).toEqual([]);
      onOpen();
    }
    isOpen = true;
    titles.push(...answer.notifications.map(({ title }) => title));
    if (titles.length >= count) break;
  }
  return { titles, cursor: last };
}

describe('a stream', () => {
  test('from now on says that it is open, then gives what comes, in order', async () => {
    const person = await personOf(network);
    await announce(person, 'before');
    const { titles } = await follow(person, '', 3, async () => {
      for (const title of ['a', 'bb', 'c']) await announce(person, title);
    });
    expect(titles).toEqual(['a', 'bb', 'c']);
  });

  test('from a cursor gives what was missed, and after reconnects everything once', async () => {
    const person = await personOf(network);
    const opened = await follow(person, '', 0);
    const sent = Array.from({ length: 60 }, (_, i) => `${i}`.padStart(2, '0') + 'x'.repeat(i % 2));
    const sending = (async () => {
      for (const title of sent) await announce(person, title);
    })();
    const seen: string[] = [];
    let { cursor } = opened;
    while (seen.length < sent.length) {
      const count = Math.min(1 + (seen.length % 4), sent.length - seen.length);
      const part = await follow(person, cursor, count);
      seen.push(...part.titles);
      cursor = part.cursor;
    }
    await sending;
    expect(seen).toEqual(sent);
  });

  test('loses nothing when many tell the same person at once, in two processes', async () => {
    const person = await personOf(network);
    const { cursor } = await follow(person, '', 0);
    const sent = Array.from({ length: 50 }, (_, i) => `${i}${'y'.repeat(i % 2)}`);
    const following = Promise.all([1, 2, 3].map(() => follow(person, cursor, sent.length)));
    await Promise.all(sent.map((title) => announce(person, title)));
    const [first, ...others] = await following;
    expect(first!.titles.toSorted()).toEqual(sent.toSorted());
    for (const other of others) expect(other.titles).toEqual(first!.titles);
    const listed = await person.titles();
    expect(first!.titles).toEqual(listed.toReversed());
  });

  test('is of the caller alone, and its cursor good for nobody else', async () => {
    const [ann, bob] = [await personOf(network), await personOf(network)];
    const { cursor } = await follow(ann, '', 0);
    await expect(follow(bob, cursor, 1)).rejects.toMatchObject({
      code: 'invalid_argument',
      reason: 'INVALID_PAGE_TOKEN',
    });
    const { titles } = await follow(bob, '', 1, async () => {
      await announce(ann, 'for ann');
      await announce(bob, 'for bob');
    });
    expect(titles).toEqual(['for bob']);
  });

  test('of a process that goes down ends, and goes on elsewhere where it was', async () => {
    const third = await startNetwork(names, { joins: network });
    const person = await personOf(third);
    const { headers } = person;
    let cursor = '';
    const seen: string[] = [];
    const stream = person.client.streamNotifications({}, { headers });
    const reading = (async () => {
      for await (const answer of stream) {
        cursor = answer.cursor;
        seen.push(...answer.notifications.map(({ title }) => title));
      }
    })();
    await expect.poll(() => cursor).not.toBe('');
    await announce(person, 'one');
    const [, ended] = await Promise.allSettled([third.stop(), reading]);
    expect(ended).toMatchObject({ reason: { code: 'unavailable' } });
    await announce(person, 'two');
    const here = await personOf(network, person);
    expect(await here.titles()).toEqual(['two', 'one']);
    seen.push(...(await follow(here, cursor, 2 - seen.length)).titles);
    expect(seen).toEqual(['one', 'two']);
  });
});
