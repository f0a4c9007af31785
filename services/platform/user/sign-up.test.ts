import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Role, UserService, UserStatus } from '#gen/platform/user/v1/user_pb.ts';
import { armDebugPoint } from '#kit/debug.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Network } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';
import { limits } from './domain.ts';
import { clientsOf, newEmail, password } from './testing.ts';

let network: Network;
let users: ReturnType<typeof clientsOf>['users'];

beforeAll(async () => {
  network = await startNetwork(['platform.user']);
  ({ users } = clientsOf(network));
});
afterAll(() => network.stop());

const signUpRequest = (email = newEmail()) => ({
  requestId: uuidv7(),
  email,
  password,
  name: 'Ada',
  phone: '+4930123456',
});

async function accountsWith(email: string): Promise<number> {
  const [row] = await network.sql`
    select count(*)::int as count from platform_user.app_user where email = ${email.toLowerCase()}`;
  return row!.count;
}

describe('a sign-up', () => {
  test('makes an active customer', async () => {
    const request = signUpRequest();
    const { user } = await users.createUser({ ...request, email: request.email.toUpperCase() });
    expect(user).toMatchObject({
      email: request.email,
      name: 'Ada',
      phone: '+4930123456',
      roles: [Role.CUSTOMER],
      status: UserStatus.ACTIVE,
      version: 1n,
    });
  });

  test('racing with 63 others for one address, in all capitals, makes one account', async () => {
    const email = newEmail();
    const results = await Promise.allSettled(
      Array.from({ length: 64 }, (_, i) =>
        users.createUser(signUpRequest(i % 2 === 0 ? email : email.toUpperCase())),
      ),
    );
    const refused = results.filter((result) => result.status === 'rejected');
    expect(results.length - refused.length).toBe(1);
    for (const { reason } of refused) {
      expect(reason).toMatchObject({ code: 'already_exists', reason: 'EMAIL_TAKEN' });
    }
    expect(await accountsWith(email)).toBe(1);
  });

  test('asked for again, at once or later, gives a stranger the first answer', async () => {
    const stranger = network.client(UserService, 'platform.user');
    const request = signUpRequest();
    const answers = await Promise.all([1, 2, 3, 4].map(() => stranger.createUser(request)));
    answers.push(await stranger.createUser(request));
    expect(new Set(answers.map(({ user }) => user!.userId)).size).toBe(1);
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(await accountsWith(request.email)).toBe(1);
  });

  test('under the request id of somebody else shows nothing of theirs', async () => {
    const request = signUpRequest();
    await users.createUser(request);
    const others = [
      { ...request, password: 'another good password' },
      { ...request, email: newEmail() },
    ];
    for (const other of others) {
      await expect(users.createUser(other)).rejects.toMatchObject({
        code: 'already_exists',
        reason: 'REQUEST_ID_REUSED',
        metadata: { request_id: request.requestId },
      });
    }
  });

  test('repeated with guessed passwords is locked out like a sign-in', async () => {
    const request = signUpRequest();
    await users.createUser(request);
    const guesses = await Promise.allSettled(
      Array.from({ length: 50 }, (_, i) =>
        users.createUser({ ...request, password: `guess number ${i}` }),
      ),
    );
    const reasons = guesses.map((guess) =>
      guess.status === 'rejected' ? guess.reason.reason : '',
    );
    expect(reasons.filter((reason) => reason === 'REQUEST_ID_REUSED')).toHaveLength(
      limits.attemptsMax,
    );
    expect(reasons.filter((reason) => reason === 'TOO_MANY_ATTEMPTS')).toHaveLength(
      50 - limits.attemptsMax,
    );
  });

  test('refuses passwords that everybody guesses', async () => {
    const request = signUpRequest();
    for (const [weak, rule] of [
      ['Password1', 'COMMON'],
      [request.email, 'EQUALS_EMAIL'],
      [request.email.split('@')[0]!, 'EQUALS_EMAIL'],
    ]) {
      await expect(users.createUser({ ...request, password: weak! })).rejects.toMatchObject({
        code: 'invalid_argument',
        reason: 'PASSWORD_TOO_WEAK',
        metadata: { rule },
      });
    }
    await expect(users.createUser({ ...request, password: 'short' })).rejects.toMatchObject({
      reason: 'FIELD_INVALID',
      violations: [{ field: 'password' }],
    });
  });

  test('that dies before its commit leaves nothing, and can be sent again', async () => {
    const request = signUpRequest();
    const disarm = armDebugPoint('platform.user.signing-up', () => {
      throw new Error('the process died');
    });
    await expect(users.createUser(request)).rejects.toMatchObject({ code: 'internal' });
    expect(await accountsWith(request.email)).toBe(0);
    disarm();
    await expect(users.createUser(request)).resolves.toBeDefined();
  });

  test('that dies after its commit is answered when it is sent again', async () => {
    const request = signUpRequest();
    const disarm = armDebugPoint('platform.user.signed-up', () => {
      throw new Error('the process died');
    });
    await expect(users.createUser(request)).rejects.toMatchObject({ code: 'internal' });
    disarm();
    const { user } = await users.createUser(request);
    expect(user!.email).toBe(request.email);
    expect(await accountsWith(request.email)).toBe(1);
  });
});
