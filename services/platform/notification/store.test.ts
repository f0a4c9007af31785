import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { uuidv7 } from '#kit/ids.ts';
import type { Network } from '#kit/testing/network.ts';
import { type CountedDatabase, countStatements } from '#kit/testing/statements.ts';
import { startNetwork } from '#services/testing.ts';
import type { Telling } from './domain.ts';
import { createStore, type Store } from './store.ts';
import { personOf } from './testing.ts';

let network: Network;
let counted: CountedDatabase;
let store: Store;

beforeAll(async () => {
  network = await startNetwork(['platform.notification']);
  counted = countStatements(network, 'platform.notification');
  store = createStore(counted.database);
});
afterAll(async () => {
  await counted.close();
  await network.stop();
});

const telling = (userId: string = uuidv7()): Telling => ({
  userId,
  kind: 'ORDER_DELIVERED',
  subjectId: uuidv7(),
  parameters: { order_id: 'o' },
});

const many = (count: number, userId?: () => string) =>
  Array.from({ length: count }, () => telling(userId?.()));

const tell = (tellings: readonly Telling[]) =>
  counted.database.transaction((tx) => store.tell(tx, tellings, 1));

describe('the number of statements', () => {
  test('of telling is 6, whatever the number of people and things', async () => {
    const users = Array.from({ length: 20 }, () => uuidv7());
    const batches = [
      many(1),
      many(20),
      many(200),
      many(256, () => users[Math.floor(Math.random() * 20)]!),
    ];
    for (const tellings of batches) {
      // begin, lists, locks, told before, all that is new, commit
      expect(await counted.statementsOf(() => tell(tellings))).toBe(6);
    }
  });

  test('of telling again is 5', async () => {
    const tellings = many(50);
    const first = await tell(tellings);
    expect(await counted.statementsOf(() => tell(tellings))).toBe(5);
    expect(await tell(tellings)).toEqual(first);
  });

  test('of reading for many streams is 1', async () => {
    const tellings = many(100);
    await tell([...tellings, ...tellings.map(({ userId }) => telling(userId))]);
    for (const size of [1, 20, 100]) {
      const asked = tellings.slice(0, size).map(({ userId }) => ({ feed: userId, after: 0n }));
      expect(await counted.statementsOf(() => store.readAfter(asked, 100))).toBe(1);
      const found = await store.readAfter(asked, 100);
      expect(found.map((feed) => feed.map(({ position }) => position))).toEqual(
        asked.map(() => [1n, 2n]),
      );
    }
  });
});

test('positions are given without a gap, and are visible in their order', async () => {
  const userId = uuidv7();
  let isOver = false;
  const seen: bigint[] = [];
  const watching = (async () => {
    while (!isOver) {
      const [added] = await store.readAfter([{ feed: userId, after: seen.at(-1) ?? 0n }], 1_000);
      for (const { position } of added!) seen.push(position);
    }
  })();
  await Promise.all(Array.from({ length: 12 }, () => tell(many(5, () => userId))));
  isOver = true;
  await watching;
  const [rest] = await store.readAfter([{ feed: userId, after: seen.at(-1) ?? 0n }], 1_000);
  const all = [...seen, ...rest!.map(({ position }) => position)];
  expect(all).toEqual(Array.from({ length: 60 }, (_, i) => BigInt(i + 1)));
});

test('unread notifications are counted to 1000, which means that many or more', async () => {
  const person = await personOf(network);
  const tellMore = (count: number) => tell(many(count, () => person.id));
  await tellMore(999);
  expect(await person.unread()).toBe(999);
  await tellMore(1);
  expect(await person.unread()).toBe(1_000);
  await tellMore(2);
  expect(await person.unread()).toBe(1_000);
  const [first, ...others] = (await person.list()).slice(0, 4);
  expect((await person.markRead(first!)).unreadCount).toBe(1_000);
  expect((await person.markRead(...others)).unreadCount).toBe(998);
  expect(await person.unread()).toBe(998);
});
