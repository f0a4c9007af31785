import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { UserService } from '#gen/platform/user/v1/user_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Network } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';
import { clientsOf } from './testing.ts';

let network: Network;
let second: Network;

beforeAll(async () => {
  network = await startNetwork(['platform.user']);
  second = await startNetwork(['platform.user'], { joins: network });
});
afterAll(async () => {
  await second.stop();
  await network.stop();
});

/** The service as another one reads it: services are not held to a person's rate. */
const readerOf = (of: Network, service: string) =>
  of.client(UserService, 'platform.user', { service });

test('a person who was read is read again without the database, by every process', async () => {
  const { id: userId, name } = await clientsOf(network).signUp();
  const { id: unread } = await clientsOf(network).signUp();
  await readerOf(network, 'commerce.order').getUser({ userId });
  await network.sql`revoke select on platform_user.app_user from platform_user`;
  onTestFinished(async () => {
    await network.sql`grant select on platform_user.app_user to platform_user`;
  });
  for (const each of [network, second]) {
    const order = readerOf(each, 'commerce.order');
    const profile = readerOf(each, 'social.profile');
    await expect(order.getUser({ userId })).resolves.toMatchObject({ user: { userId, name } });
    await expect(profile.batchGetUsers({ userIds: [userId] })).resolves.toMatchObject({
      users: [{ userId, name }],
    });
    // So the database really had to be asked.
    await expect(order.getUser({ userId: unread })).rejects.toMatchObject({ code: 'internal' });
  }
});

test('a change is seen at once by every process that had read the person', async () => {
  const { userId, headers } = await clientsOf(network).person();
  const readers = [network, second].map((each) => readerOf(each, 'commerce.order'));
  for (let round = 0; round < 10; round += 1) {
    for (const reader of readers) await reader.getUser({ userId });
    const name = `Name ${round}`;
    const request = { requestId: uuidv7(), userId, name, updateMask: { paths: ['name'] } };
    const at = [network, second][round % 2]!;
    await clientsOf(at).users.updateUser(request, { headers });
    for (const reader of readers)
      expect((await reader.getUser({ userId })).user).toMatchObject({ name });
  }
});
