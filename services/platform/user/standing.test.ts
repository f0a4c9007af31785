import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Role, UserStatus } from '#gen/platform/user/v1/user_pb.ts';
import { armDebugPoint } from '#kit/debug.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Network, Person } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';
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

    // So that the person is not the last of the staff.
    const colleague = { ...grant, requestId: uuidv7(), userId: other.id };
    await clients.users.setRoles(colleague, { headers: staff.headers });
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
