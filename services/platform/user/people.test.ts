import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Role, UserService, UserStatus } from '#gen/platform/user/v1/user_pb.ts';
import { armDebugPoint } from '#kit/debug.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Network, Person } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';
import { limits } from './domain.ts';
import { clientsOf, password } from './testing.ts';

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

describe('roles', () => {
  test('are given by staff, and come with the next refresh', async () => {
    const person = await clients.person();
    const grant = {
      requestId: uuidv7(),
      userId: person.userId,
      roles: [Role.CUSTOMER, Role.STAFF],
    };
    await expect(clients.users.setRoles(grant, { headers: person.headers })).rejects.toMatchObject({
      reason: 'CALLER_NOT_ALLOWED',
    });
    await clients.users.setRoles(grant, { headers: staff.headers });
    const promoted = await clients.refresh(person.refreshToken);
    const other = await clients.signUp();
    const asked = { userId: other.id };
    await expect(
      clients.users.getUser(asked, { headers: promoted.headers }),
    ).resolves.toBeDefined();

    const take = { requestId: uuidv7(), userId: person.userId, roles: [Role.CUSTOMER] };
    await expect(clients.users.setRoles(take, { headers: promoted.headers })).rejects.toMatchObject(
      { code: 'failed_precondition', reason: 'CANNOT_CHANGE_SELF' },
    );
    await clients.users.setRoles(take, { headers: staff.headers });
    await network.settle();
    await expect(clients.users.getUser(asked, { headers: promoted.headers })).rejects.toMatchObject(
      { reason: 'SESSION_REVOKED' },
    );
  });

  test('of the first member of the staff come from the settings, once, and promote nobody', async () => {
    const taken = await clients.signUp();
    for (const email of [`first-${uuidv7()}@example.com`, taken.email]) {
      const settings = {
        BOOTSTRAP_STAFF_EMAIL: email.toUpperCase(),
        BOOTSTRAP_STAFF_PASSWORD: 'the first staff password',
      };
      const start = () =>
        startNetwork(['platform.user'], {
          joins: network,
          settings: { 'platform.user': settings },
        });
      const started = await Promise.all([start(), start()]);
      for (const other of started) await other.stop();
      const { user } = await clients.users.getUserByEmail({ email }, { headers: staff.headers });
      const isStaff = email !== taken.email;
      expect(user!.roles).toEqual(isStaff ? [Role.CUSTOMER, Role.STAFF] : [Role.CUSTOMER]);
      const tried = isStaff ? 'the first staff password' : password;
      await expect(clients.signIn(email, { password: tried })).resolves.toBeDefined();
    }
  });
});

describe('a status', () => {
  const change = {
    suspend: (userId: string) =>
      clients.users.suspendUser(
        { requestId: uuidv7(), userId, reason: 'fraud' },
        { headers: staff.headers },
      ),
    reinstate: (userId: string) =>
      clients.users.reinstateUser(
        { requestId: uuidv7(), userId, reason: 'cleared' },
        { headers: staff.headers },
      ),
  };

  test('of SUSPENDED keeps a person out until staff lets them in again', async () => {
    const person = await clients.person();
    const { user } = await change.suspend(person.userId);
    expect(user!.status).toBe(UserStatus.SUSPENDED);
    await network.settle();
    await expect(clients.signIn(person.email)).rejects.toMatchObject({
      code: 'permission_denied',
      reason: 'USER_NOT_ACTIVE',
      metadata: { status: 'SUSPENDED' },
    });
    await expect(
      clients.signIn(person.email, { password: 'a wrong password' }),
    ).rejects.toMatchObject({ reason: 'CREDENTIALS_WRONG' });
    await expect(clients.refresh(person.refreshToken)).rejects.toMatchObject({
      reason: 'REFRESH_TOKEN_INVALID',
    });
    await change.reinstate(person.userId);
    const back = await clients.signIn(person.email);
    await expect(
      clients.users.getUser({ userId: person.userId }, { headers: back.headers }),
    ).resolves.toBeDefined();
  });

  test('that does not allow a change says which it is', async () => {
    const { userId } = await clients.person();
    await expect(change.reinstate(userId)).rejects.toMatchObject({
      code: 'failed_precondition',
      reason: 'USER_STATUS_CONFLICT',
      metadata: { user_id: userId, status: 'ACTIVE' },
    });
    await change.suspend(userId);
    await expect(change.suspend(userId)).rejects.toMatchObject({
      metadata: { status: 'SUSPENDED' },
    });
  });

  test('of INACTIVE is chosen by the person, and ends their sessions', async () => {
    const person = await clients.person();
    const { headers } = person;
    const { user } = await clients.users.deactivateUser({ requestId: uuidv7() }, { headers });
    expect(user!.status).toBe(UserStatus.INACTIVE);
    await network.settle();
    await expect(
      clients.users.getUser({ userId: person.userId }, { headers }),
    ).rejects.toMatchObject({ reason: 'SESSION_REVOKED' });
    await expect(clients.signIn(person.email)).rejects.toMatchObject({
      metadata: { status: 'INACTIVE' },
    });
  });

  test('that changes while a sign-in is under way leaves no session open', async () => {
    for (const place of ['platform.user.attempt-taken', 'platform.user.password-proven']) {
      const { email, userId } = await clients.signUp();
      const disarm = armDebugPoint(place, async () => {
        disarm();
        await change.suspend(userId);
      });
      await expect(clients.signIn(email)).rejects.toMatchObject({ reason: 'USER_NOT_ACTIVE' });
      const rows = await network.sql`
        select from platform_user.session where user_id = ${userId} and ended_at is null`;
      expect(rows).toHaveLength(0);
    }
  });

  test('that changes while sign-ins and refreshes race leaves no session open', async () => {
    const person = await clients.person();
    await Promise.allSettled([
      clients.signIn(person.email),
      clients.refresh(person.refreshToken),
      change.suspend(person.userId),
      clients.signIn(person.email),
    ]);
    const rows = await network.sql`
      select from platform_user.session where user_id = ${person.userId} and ended_at is null`;
    expect(rows).toHaveLength(0);
  });
});

describe('an address book', () => {
  const postalAddress = {
    recipient: 'Ada Lovelace',
    lines: ['12 St James’s Square'],
    city: 'London',
    postalCode: 'SW1Y 4JH',
    countryCode: 'GB',
  };
  const add = (headers: { authorization: string }, label = 'home') =>
    clients.users.addAddress({ requestId: uuidv7(), label, postalAddress }, { headers });

  test('is filled, changed, listed page by page and emptied', async () => {
    const { headers } = await clients.person();
    const [home, work] = [await add(headers), await add(headers, 'work')];
    const addressId = home.address!.addressId;
    await clients.users.updateAddress(
      { requestId: uuidv7(), addressId, label: 'first', postalAddress },
      { headers },
    );
    const first = await clients.users.listAddresses({ pageSize: 1 }, { headers });
    const pageToken = first.nextPageToken;
    const second = await clients.users.listAddresses({ pageSize: 1, pageToken }, { headers });
    expect([...first.addresses, ...second.addresses]).toMatchObject([
      { label: 'first', postalAddress },
      { addressId: work.address!.addressId, label: 'work' },
    ]);
    await clients.users.removeAddress({ requestId: uuidv7(), addressId }, { headers });
    const left = await clients.users.listAddresses({}, { headers });
    expect(left.addresses.map(({ label }) => label)).toEqual(['work']);
  });

  test('holds no more than its limit, however many are added at once', async () => {
    const { headers } = await clients.person();
    const results = await Promise.allSettled(
      Array.from({ length: limits.addressesPerUserMax + 5 }, () => add(headers)),
    );
    const refused = results.filter((result) => result.status === 'rejected');
    expect(refused).toHaveLength(5);
    expect(refused[0]!.reason).toMatchObject({
      code: 'resource_exhausted',
      reason: 'TOO_MANY_ADDRESSES',
      metadata: { limit: String(limits.addressesPerUserMax) },
    });
  });

  test('is nobody else’s to read or to change', async () => {
    const [person, stranger] = [await clients.person(), await clients.person()];
    const addressId = (await add(person.headers)).address!.addressId;
    const { headers } = stranger;
    await expect(
      clients.users.listAddresses({ userId: person.userId }, { headers }),
    ).rejects.toMatchObject(notFound(person.userId));
    const missing = {
      code: 'not_found',
      reason: 'ADDRESS_NOT_FOUND',
      metadata: { address_id: addressId },
    };
    await expect(
      clients.users.removeAddress({ requestId: uuidv7(), addressId }, { headers }),
    ).rejects.toMatchObject(missing);
    await expect(
      clients.users.updateAddress(
        { requestId: uuidv7(), addressId, label: 'mine', postalAddress },
        { headers },
      ),
    ).rejects.toMatchObject(missing);
    const order = network.client(UserService, 'platform.user', { service: 'commerce.order' });
    const { addresses } = await order.listAddresses({ userId: person.userId });
    expect(addresses).toHaveLength(1);
  });
});
