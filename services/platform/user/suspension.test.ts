import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InventoryService } from '#gen/commerce/inventory/v1/inventory_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Network, Person } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';
import { clientsOf } from './testing.ts';

/** Two processes: the second knows of the first only what the bus tells. */
let network: Network;
let second: Network;
let clients: ReturnType<typeof clientsOf>;
let staff: Person;
let sku: string;

beforeAll(async () => {
  network = await startNetwork(['platform.user']);
  second = await startNetwork(['commerce.inventory'], { joins: network });
  clients = clientsOf(network);
  staff = await network.person({ roles: ['staff'] });
  sku = `SKU-${uuidv7()}`;
  await inventory().setStock({ requestId: uuidv7(), sku, onHand: 5n }, { headers: staff.headers });
});
afterAll(async () => {
  await second.stop();
  await network.stop();
});

const inventory = (from = second) => from.client(InventoryService, 'commerce.inventory');

const suspend = (userId: string) =>
  clients.users.suspendUser(
    { requestId: uuidv7(), userId, reason: 'fraud' },
    { headers: staff.headers },
  );

const settle = () => network.settle().then(() => second.settle());
const revoked = { code: 'unauthenticated', reason: 'SESSION_REVOKED' };

describe('a suspension', () => {
  test('is obeyed by another service in another process', async () => {
    const person = await clients.person();
    const { headers } = person;
    await expect(inventory().getStock({ sku }, { headers })).resolves.toBeDefined();
    await suspend(person.userId);
    await settle();
    await expect(inventory().getStock({ sku }, { headers })).rejects.toMatchObject(revoked);
  });

  test('ends the open streams of the person, and nobody else’s', async () => {
    const [person, other] = [await clients.person(), await clients.person()];
    const streams = [person, other].map(({ headers }) =>
      inventory()
        .watchStock({ skus: [sku] }, { headers })
        [Symbol.asyncIterator](),
    );
    for (const stream of streams) {
      expect((await stream.next()).value.stock!.sku).toBe(sku);
    }
    const [ended, kept] = streams.map((stream) => stream.next());
    await suspend(person.userId);
    await expect(ended).rejects.toMatchObject(revoked);
    await inventory().adjustStock(
      { requestId: uuidv7(), sku, delta: 1n, reason: 'received' },
      { headers: staff.headers },
    );
    expect((await kept!).value.stock!.sku).toBe(sku);
    await streams[1]!.return!();
  });

  test('is known to a process that starts later', async () => {
    const person = await clients.person();
    const { headers } = person;
    await suspend(person.userId);
    await network.settle();
    const third = await startNetwork(['commerce.inventory'], { joins: network });
    try {
      await expect(inventory(third).getStock({ sku }, { headers })).rejects.toMatchObject(revoked);
    } finally {
      await third.stop();
    }
  });

  test('does not outlive itself: who is reinstated and signs in again is let in', async () => {
    const person = await clients.person();
    await suspend(person.userId);
    await clients.users.reinstateUser(
      { requestId: uuidv7(), userId: person.userId, reason: 'cleared' },
      { headers: staff.headers },
    );
    const { headers } = await clients.signIn(person.email);
    await settle();
    await expect(inventory().getStock({ sku }, { headers })).resolves.toBeDefined();
    await expect(inventory().getStock({ sku }, { headers: person.headers })).rejects.toMatchObject(
      revoked,
    );
  });
});

test('one process calls another directly by the same rules', async () => {
  const direct = await startNetwork(['platform.user', 'commerce.inventory'], {
    transport: 'direct',
  });
  try {
    const { person, sessions } = clientsOf(direct);
    const { headers } = await person();
    const made = await direct.person({ roles: ['staff'] });
    await inventory(direct).setStock(
      { requestId: uuidv7(), sku, onHand: 5n },
      { headers: made.headers },
    );
    const stream = inventory(direct).watchStock({ skus: [sku] }, { headers });
    const reader = stream[Symbol.asyncIterator]();
    await reader.next();
    const next = reader.next();
    await sessions.signOut({ requestId: uuidv7() }, { headers });
    await expect(next).rejects.toMatchObject(revoked);
  } finally {
    await direct.stop();
  }
});
