import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Notification,
  NotificationKind,
  NotificationService,
} from '#gen/platform/notification/v1/notification_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Network } from '#kit/testing/network.ts';
import { runs } from '#kit/testing/property.ts';
import { startNetwork } from '#services/testing.ts';
import { personOf, type TestPerson } from './testing.ts';

let network: Network;

beforeAll(async () => {
  network = await startNetwork(['platform.notification']);
});
afterAll(() => network.stop());

const sender = () =>
  network.client(NotificationService, 'platform.notification', { service: 'platform.user' });

const request = (userId: string, title = 'News', subjectId: string = uuidv7()) => ({
  requestId: uuidv7(),
  userId,
  kind: NotificationKind.ANNOUNCEMENT,
  subjectId,
  parameters: { title, body: 'Read all about it.' },
});

async function announce({ id }: TestPerson, title?: string, subjectId?: string) {
  return (await sender().sendNotification(request(id, title, subjectId))).notification!;
}

describe('a notification', () => {
  test('that a service sends is there as it was sent, unread', async () => {
    const person = await personOf(network);
    const sent = await announce(person, 'Hello');
    expect(sent).toMatchObject({ title: 'Hello', body: 'Read all about it.' });
    expect(sent.readTime).toBeUndefined();
    expect(await person.list()).toEqual([sent]);
    expect(await person.unread()).toBe(1);
  });

  test('of one subject is made once, whoever sends it how often at once', async () => {
    const person = await personOf(network);
    const subjectId = uuidv7();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => announce(person, `by ${i}`, subjectId)),
    );
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(await person.list()).toHaveLength(1);
  });

  test('is sent once under one request, and not under another body', async () => {
    const person = await personOf(network);
    const wanted = request(person.id);
    const answers = await Promise.all([1, 2, 3].map(() => sender().sendNotification(wanted)));
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    const other = { ...wanted, subjectId: 'other' };
    await expect(sender().sendNotification(other)).rejects.toMatchObject({
      reason: 'REQUEST_ID_REUSED',
    });
  });

  test('that lacks what its kind needs is refused by the name of it', async () => {
    const { id } = await personOf(network);
    const wanted = { ...request(id), kind: NotificationKind.ORDER_CONFIRMED };
    const answer = sender().sendNotification({ ...wanted, parameters: { order_id: 'o' } });
    await expect(answer).rejects.toMatchObject({
      code: 'invalid_argument',
      violations: [{ field: 'parameters[amount_minor]' }, { field: 'parameters[currency_code]' }],
    });
  });

  test('is sent by services and not by people', async () => {
    const { client, headers, id } = await personOf(network);
    await expect(client.sendNotification(request(id), { headers })).rejects.toMatchObject({
      code: 'permission_denied',
    });
  });
});

describe('reading', () => {
  test('shows people their own and nobody else’s', async () => {
    const [ann, bob] = [await personOf(network), await personOf(network)];
    const sent = await announce(ann);
    expect(await bob.list()).toEqual([]);
    expect(await bob.unread()).toBe(0);
    await expect(bob.markRead(sent)).rejects.toMatchObject({
      code: 'not_found',
      reason: 'NOTIFICATION_NOT_FOUND',
      metadata: { notification_id: sent.notificationId },
    });
    expect(await ann.unread()).toBe(1);
    const page = await ann.client.listNotifications({ pageSize: 1 }, { headers: ann.headers });
    await announce(ann);
    const { nextPageToken } = await ann.client.listNotifications(
      { pageSize: 1 },
      { headers: ann.headers },
    );
    expect(page.nextPageToken).toBe('');
    const stolen = { pageSize: 1, pageToken: nextPageToken };
    await expect(
      bob.client.listNotifications(stolen, { headers: bob.headers }),
    ).rejects.toMatchObject({ reason: 'INVALID_PAGE_TOKEN' });
    await expect(bob.client.listNotifications({})).rejects.toMatchObject({
      code: 'unauthenticated',
    });
  });

  test('marks all of the named or none, and what is read stays so', async () => {
    const person = await personOf(network);
    const sent = [await announce(person), await announce(person)];
    const unknown = { ...sent[0]!, notificationId: uuidv7() };
    await expect(person.markRead(sent[0]!, unknown)).rejects.toMatchObject({
      reason: 'NOTIFICATION_NOT_FOUND',
    });
    expect(await person.unread()).toBe(2);
    expect((await person.markRead(sent[0]!)).unreadCount).toBe(1);
    const readTime = (await person.list())[1]!.readTime;
    await person.markRead(...sent);
    expect((await person.list())[1]!.readTime).toEqual(readTime);
    expect(await person.unread()).toBe(0);
  });

  test.each([
    ['a time before all times', { seconds: -1n }],
    ['a time after all times', { seconds: 253_402_300_800n }],
  ])('is refused up to %s', async (_, time) => {
    const { client, headers } = await personOf(network);
    const read = { case: 'upToTime' as const, value: time };
    await expect(client.markRead({ requestId: uuidv7(), read }, { headers })).rejects.toMatchObject(
      { reason: 'FIELD_INVALID', violations: [{ field: 'up_to_time' }] },
    );
  });

  test('counts as unread what the list shows as unread, after any history', async () => {
    const step = fc.oneof(
      fc.constant({ kind: 'send' as const }),
      fc.record({ kind: fc.constant('read' as const), at: fc.nat(30) }),
      fc.record({ kind: fc.constant('up to' as const), at: fc.nat(30) }),
    );
    const property = fc.asyncProperty(fc.array(step, { maxLength: 15 }), async (steps) => {
      const person = await personOf(network);
      const sent: Notification[] = [];
      const read = new Set<string>();
      for (const one of steps) {
        network.clock.advance({ seconds: 1 });
        const at = one.kind === 'send' || sent.length === 0 ? undefined : one.at % sent.length;
        if (one.kind === 'send') sent.push(await announce(person));
        else if (at === undefined) continue;
        else if (one.kind === 'read') {
          await person.markRead(sent[at]!);
          read.add(sent[at]!.notificationId);
        } else {
          const value = sent[at]!.createTime!;
          const upTo = { requestId: uuidv7(), read: { case: 'upToTime' as const, value } };
          await person.client.markRead(upTo, { headers: person.headers });
          for (const before of sent.slice(0, at + 1)) read.add(before.notificationId);
        }
        const expected = sent.map((each) => each.notificationId).filter((id) => !read.has(id));
        const unread = await person.list({ unreadOnly: true });
        expect(unread.map((each) => each.notificationId)).toEqual(expected.toReversed());
        expect(await person.unread()).toBe(expected.length);
      }
    });
    await fc.assert(property, runs(15));
  });

  test('page by page gives every notification once, while others are added', async () => {
    const { id, client, headers } = await personOf(network);
    const add = (count: number) =>
      Promise.all(Array.from({ length: count }, () => sender().sendNotification(request(id))));
    await add(23);
    const before = await client.listNotifications({ pageSize: 100 }, { headers });
    const seen: string[] = [];
    let pageToken = '';
    do {
      const page = await client.listNotifications({ pageSize: 5, pageToken }, { headers });
      seen.push(...page.notifications.map(({ notificationId }) => notificationId));
      pageToken = page.nextPageToken;
      await add(2);
    } while (pageToken !== '');
    expect(seen).toEqual(before.notifications.map(({ notificationId }) => notificationId));
  });

  test('up to now leaves nothing unread', async () => {
    const person = await personOf(network);
    await Promise.all([announce(person), announce(person)]);
    const value = timestampFromMs(network.clock.now());
    const read = { case: 'upToTime' as const, value };
    const { headers } = person;
    const answer = await person.client.markRead({ requestId: uuidv7(), read }, { headers });
    expect(answer.unreadCount).toBe(0);
  });
});
