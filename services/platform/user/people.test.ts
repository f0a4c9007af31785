import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { UserService } from '#gen/platform/user/v1/user_pb.ts';
import { armDebugPoint } from '#kit/debug.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Network, Person } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';
import { clientsOf } from './testing.ts';

let network: Network;
let clients: ReturnType<typeof clientsOf>;
let staff: Person;

beforeAll(async () => {
  network = await startNetwork(['platform.user']);
  clients = clientsOf(network);
  staff = await network.person({ roles: ['staff'] });
});
afterAll(() => network.stop());

const notFound = (userId: string) => ({
  code: 'not_found',
  reason: 'USER_NOT_FOUND',
  metadata: { user_id: userId },
});

const update = (userId: string, fields: { name?: string; phone?: string }, paths: string[]) => ({
  requestId: uuidv7(),
  userId,
  ...fields,
  updateMask: { paths },
});

describe('a person', () => {
  test('is read by themselves, by staff and by the named services, and by nobody else', async () => {
    const [person, stranger] = [await clients.person(), await clients.person()];
    const { userId } = person;
    for (const { headers } of [person, staff]) {
      await expect(clients.users.getUser({ userId }, { headers })).resolves.toBeDefined();
    }
    const named = network.client(UserService, 'platform.user', { service: 'commerce.order' });
    await expect(named.getUser({ userId })).resolves.toBeDefined();

    const { headers } = stranger;
    await expect(clients.users.getUser({ userId }, { headers })).rejects.toMatchObject(
      notFound(userId),
    );
    const nobody = uuidv7();
    await expect(clients.users.getUser({ userId: nobody }, { headers })).rejects.toMatchObject(
      notFound(nobody),
    );
    const other = network.client(UserService, 'platform.user', { service: 'social.like' });
    await expect(other.getUser({ userId })).rejects.toMatchObject({
      reason: 'CREDENTIALS_REQUIRED',
    });
  });

  test('is found by their address in any capitals, by staff and named services only', async () => {
    const { email, userId, headers } = await clients.person();
    const asked = { email: email.toUpperCase() };
    const found = await clients.users.getUserByEmail(asked, { headers: staff.headers });
    expect(found.user!.userId).toBe(userId);
    await expect(clients.users.getUserByEmail(asked, { headers })).rejects.toMatchObject({
      reason: 'CALLER_NOT_ALLOWED',
    });
    await expect(
      clients.users.getUserByEmail({ email: 'nobody@example.com' }, { headers: staff.headers }),
    ).rejects.toMatchObject({ code: 'not_found', reason: 'USER_NOT_FOUND' });
  });

  test('comes in batches to services, in the order asked for, without the unknown ones', async () => {
    const [a, b] = [await clients.signUp(), await clients.signUp()];
    const profile = network.client(UserService, 'platform.user', { service: 'social.profile' });
    const { users } = await profile.batchGetUsers({ userIds: [b.id, uuidv7(), a.id, b.id] });
    expect(users.map(({ userId }) => userId)).toEqual([b.id, a.id, b.id]);
    await expect(
      clients.users.batchGetUsers({ userIds: [a.id] }, { headers: staff.headers }),
    ).rejects.toMatchObject({ reason: 'CALLER_NOT_ALLOWED' });
  });

  test('changes what the mask names, and reads it at once', async () => {
    const { userId, headers, name } = await clients.person();
    await clients.users.getUser({ userId }, { headers });
    const fields = { name: 'ignored', phone: '+4930999999' };
    await clients.users.updateUser(update(userId, fields, ['phone']), { headers });
    const { user } = await clients.users.getUser({ userId }, { headers });
    expect(user).toMatchObject({ name, phone: '+4930999999', version: 2n });
    await clients.users.updateUser(update(userId, {}, ['phone']), { headers });
    const after = await clients.users.getUser({ userId }, { headers });
    expect(after.user).toMatchObject({ name, phone: '', version: 3n });
  });

  test('is told which fields of a change cannot be', async () => {
    const { userId, headers } = await clients.person();
    for (const [fields, paths, field] of [
      [{}, ['email'], 'update_mask'],
      [{}, [], 'update_mask'],
      [{ name: '' }, ['name'], 'name'],
      [{ phone: '030 123' }, ['phone'], 'phone'],
    ] as [{ name?: string; phone?: string }, string[], string][]) {
      await expect(
        clients.users.updateUser(update(userId, fields, paths), { headers }),
      ).rejects.toMatchObject({
        code: 'invalid_argument',
        reason: 'FIELD_INVALID',
        violations: [{ field }],
      });
    }
  });

  test('is changed by nobody else but staff', async () => {
    const [person, stranger] = [await clients.person(), await clients.person()];
    const request = update(person.userId, { name: 'Mallory' }, ['name']);
    await expect(
      clients.users.updateUser(request, { headers: stranger.headers }),
    ).rejects.toMatchObject(notFound(person.userId));
    await clients.users.updateUser(request, { headers: staff.headers });
  });

  test('loses neither of two changes that race for different fields', async () => {
    const { userId, headers } = await clients.person();
    await Promise.all([
      clients.users.updateUser(update(userId, { name: 'New' }, ['name']), { headers }),
      clients.users.updateUser(update(userId, { phone: '+4930111111' }, ['phone']), { headers }),
    ]);
    const { user } = await clients.users.getUser({ userId }, { headers });
    expect(user).toMatchObject({ name: 'New', phone: '+4930111111', version: 3n });
  });

  test('whose change dies before or after its commit has changed once when it is sent again', async () => {
    for (const place of ['platform.user.changing', 'platform.user.changed']) {
      const { userId, headers } = await clients.person();
      const request = update(userId, { name: 'New' }, ['name']);
      const disarm = armDebugPoint(place, () => {
        throw new Error('the process died');
      });
      await clients.users.updateUser(request, { headers }).catch(() => {});
      disarm();
      await clients.users.updateUser(request, { headers });
      const { user } = await clients.users.getUser({ userId }, { headers });
      expect(user).toMatchObject({ name: 'New', version: 2n });
    }
  });
});
