import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { armDebugPoint } from '#kit/debug.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Network } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';
import { limits } from './domain.ts';
import { argon2, type Hasher } from './passwords.ts';
import { createUserModule } from './service.ts';
import { clientsOf, newEmail, password } from './testing.ts';

/** How often a password was really tested. */
let verifications = 0;
const counting: Hasher = {
  hash: argon2.hash,
  verify(hash, tried) {
    verifications += 1;
    return argon2.verify(hash, tried);
  },
};

let network: Network;
let clients: ReturnType<typeof clientsOf>;

beforeAll(async () => {
  network = await startNetwork(['platform.user'], {
    ...inject('servers'),
    modules: [createUserModule(counting)],
  });
  clients = clientsOf(network);
});
afterAll(() => network.stop());
beforeEach(() => {
  verifications = 0;
});

const attempt = (email: string, tried = 'a wrong password') =>
  clients.sessions.authenticate({ requestId: uuidv7(), email, password: tried });

const wrong = { code: 'unauthenticated', reason: 'CREDENTIALS_WRONG' };
const locked = { code: 'resource_exhausted', reason: 'TOO_MANY_ATTEMPTS' };

describe('a sign-in', () => {
  test('answers who it is and a token that counts', async () => {
    const { email, userId } = await clients.signUp();
    const { headers } = await clients.signIn(email.toUpperCase());
    const { user } = await clients.users.getUser({ userId }, { headers });
    expect(user).toMatchObject({ userId, email });
  });

  test('answers a wrong address as it answers a wrong password, after the same work', async () => {
    const { email } = await clients.signUp();
    const refusals = [];
    for (const tried of [email, newEmail()]) {
      verifications = 0;
      const error = await attempt(tried).catch((refusal) => refusal);
      const { code, message, reason, metadata, details } = error;
      refusals.push({ code, message, reason, metadata, details, verifications });
    }
    expect(refusals[0]).toMatchObject({ ...wrong, verifications: 1 });
    expect(refusals[1]).toEqual(refusals[0]);
  });

  test('tests no more passwords than the limit for 50 racing guesses, known address or not', async () => {
    const { email } = await clients.signUp();
    for (const tried of [email, newEmail()]) {
      verifications = 0;
      const results = await Promise.allSettled(Array.from({ length: 50 }, () => attempt(tried)));
      const errors = results.map((result) => (result as PromiseRejectedResult).reason);
      const refused = errors.filter(({ reason }) => reason === locked.reason);
      expect(verifications).toBe(limits.attemptsMax);
      expect(refused).toHaveLength(50 - limits.attemptsMax);
      for (const error of refused) expect(error).toMatchObject(locked);
    }
  });

  test('that is locked refuses the right password too, until a while has passed', async () => {
    const { email } = await clients.signUp();
    for (let i = 0; i < limits.attemptsMax; i += 1) {
      await expect(attempt(email)).rejects.toMatchObject(wrong);
    }
    const refusal = await attempt(email, password).catch((error) => error);
    expect(refusal).toMatchObject(locked);
    const waitMs = Number(refusal.metadata.retry_after_ms);
    network.clock.advance({ milliseconds: waitMs - 5_000 });
    await expect(attempt(email, password)).rejects.toMatchObject(locked);
    network.clock.advance({ milliseconds: 5_000 });
    await expect(attempt(email, password)).resolves.toBeDefined();
  });

  test('that succeeds forgives the failures before it', async () => {
    const { email } = await clients.signUp();
    for (let i = 0; i < 3; i += 1) {
      for (let j = 0; j < limits.attemptsMax - 1; j += 1) await attempt(email).catch(() => {});
      await attempt(email, password);
    }
  });

  test('asked for again gives the same session, and only to who knows the password', async () => {
    const { email } = await clients.signUp();
    const request = { requestId: uuidv7(), email, password, deviceName: 'phone' };
    const answers = await Promise.all(
      [1, 2, 3, 4].map(() => clients.sessions.authenticate(request)),
    );
    answers.push(await clients.sessions.authenticate(request));
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    const guess = clients.sessions.authenticate({ ...request, password: 'a wrong password' });
    await expect(guess).rejects.toMatchObject({ reason: 'REQUEST_ID_REUSED' });
  });

  test('repeated with guessed passwords under a known request id is locked out all the same', async () => {
    const { email } = await clients.signUp();
    const request = { requestId: uuidv7(), email, password };
    await clients.sessions.authenticate(request);
    const guesses = await Promise.allSettled(
      Array.from({ length: 50 }, (_, i) =>
        clients.sessions.authenticate({ ...request, password: `guess number ${i}` }),
      ),
    );
    const reasons = guesses.map((guess) => (guess as PromiseRejectedResult).reason.reason);
    expect(reasons.filter((reason) => reason !== locked.reason)).toHaveLength(limits.attemptsMax);
  });

  test('whose password changes after the proof is refused', async () => {
    const { email, headers } = await clients.person();
    const disarm = armDebugPoint('platform.user.password-proven', async () => {
      disarm();
      const request = { requestId: uuidv7(), currentPassword: password, newPassword: 'a new one!' };
      await clients.users.changePassword(request, { headers });
    });
    await expect(attempt(email, password)).rejects.toMatchObject(wrong);
    await expect(attempt(email, 'a new one!')).resolves.toBeDefined();
  });

  test('refused for what changed after the proof is let in when that is as it was', async () => {
    const { email, userId, headers } = await clients.person();
    const staff = await network.person({ roles: ['staff'] });
    const change = (currentPassword: string, newPassword: string) =>
      clients.users.changePassword(
        { requestId: uuidv7(), currentPassword, newPassword },
        { headers },
      );
    const other = 'another good password';
    const about = () => ({ requestId: uuidv7(), userId, reason: 'a doubt' });
    const changes = [
      {
        make: () => change(password, other),
        undo: () => change(other, password),
        refusal: wrong,
      },
      {
        make: () => clients.users.suspendUser(about(), { headers: staff.headers }),
        undo: () => clients.users.reinstateUser(about(), { headers: staff.headers }),
        refusal: { code: 'permission_denied', reason: 'USER_NOT_ACTIVE' },
      },
    ];
    for (const { make, undo, refusal } of changes) {
      const request = { requestId: uuidv7(), email, password };
      const disarm = armDebugPoint('platform.user.password-proven', async () => {
        disarm();
        await make();
      });
      await expect(clients.sessions.authenticate(request)).rejects.toMatchObject(refusal);
      await undo();
      const { tokens } = await clients.sessions.authenticate(request);
      expect(await clients.sessions.authenticate(request)).toMatchObject({ tokens });
    }
  });

  test('that dies after its attempt was taken has spent it', async () => {
    const { email } = await clients.signUp();
    const disarm = armDebugPoint('platform.user.attempt-taken', () => {
      throw new Error('the process died');
    });
    for (let i = 0; i < limits.attemptsMax; i += 1) await attempt(email).catch(() => {});
    disarm();
    expect(verifications).toBe(0);
    await expect(attempt(email)).rejects.toMatchObject(locked);
  });

  test('that dies before or after its commit makes one session when it is sent again', async () => {
    for (const place of ['platform.user.signing-in', 'platform.user.signed-in']) {
      const { email } = await clients.signUp();
      const request = { requestId: uuidv7(), email, password };
      const disarm = armDebugPoint(place, () => {
        throw new Error('the process died');
      });
      await expect(clients.sessions.authenticate(request)).rejects.toMatchObject({
        code: 'internal',
      });
      disarm();
      const { tokens } = await clients.sessions.authenticate(request);
      const headers = { authorization: `Bearer ${tokens!.accessToken}` };
      const { sessions } = await clients.sessions.listSessions({}, { headers });
      expect(sessions.map(({ sessionId }) => sessionId)).toEqual([tokens!.sessionId]);
    }
  });

  test('beyond the most sessions ends the one that was used least recently', async () => {
    const { email, userId } = await clients.signUp();
    const first = await clients.signIn(email, { deviceName: 'first' });
    const second = await clients.signIn(email, { deviceName: 'second' });
    network.clock.advance({ seconds: 1 });
    const refreshed = await clients.refresh(first.refreshToken);
    for (let i = 2; i < limits.sessionsPerUserMax; i += 1) await clients.signIn(email);
    const last = await clients.signIn(email);
    await network.settle();
    const page = { pageSize: 50 };
    const { sessions } = await clients.sessions.listSessions(page, { headers: last.headers });
    expect(sessions).toHaveLength(limits.sessionsPerUserMax);
    await expect(
      clients.users.getUser({ userId }, { headers: second.headers }),
    ).rejects.toMatchObject({ reason: 'SESSION_REVOKED' });
    await expect(
      clients.users.getUser({ userId }, { headers: refreshed.headers }),
    ).resolves.toBeDefined();
  });
});

describe('a change of password', () => {
  test('wants the present one, and ends all other sessions', async () => {
    const { email, userId } = await clients.signUp();
    const [here, elsewhere] = [await clients.signIn(email), await clients.signIn(email)];
    const change = (currentPassword: string, requestId = uuidv7()) =>
      clients.users.changePassword(
        { requestId, currentPassword, newPassword: 'a new and good password' },
        { headers: here.headers },
      );
    await expect(change('a wrong password')).rejects.toMatchObject(wrong);
    const requestId = uuidv7();
    const answers = [await change(password, requestId), await change(password, requestId)];
    expect(answers.map(({ endedSessionCount }) => endedSessionCount)).toEqual([1, 1]);
    await network.settle();
    const read = (headers: { authorization: string }) =>
      clients.users.getUser({ userId }, { headers });
    await expect(read(here.headers)).resolves.toBeDefined();
    await expect(read(elsewhere.headers)).rejects.toMatchObject({ reason: 'SESSION_REVOKED' });
    await expect(clients.refresh(elsewhere.refreshToken)).rejects.toMatchObject({
      reason: 'REFRESH_TOKEN_INVALID',
    });
    await expect(attempt(email, password)).rejects.toMatchObject(wrong);
    await expect(attempt(email, 'a new and good password')).resolves.toBeDefined();
  });

  test('racing with another one happens once', async () => {
    const { email, headers } = await clients.person();
    const next = ['the first new password', 'the second new password'];
    const results = await Promise.allSettled(
      next.map((newPassword) =>
        clients.users.changePassword(
          { requestId: uuidv7(), currentPassword: password, newPassword },
          { headers },
        ),
      ),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const won = results.findIndex(({ status }) => status === 'fulfilled');
    await expect(attempt(email, next[won]!)).resolves.toBeDefined();
  });

  test('that dies before its commit changes nothing', async () => {
    const { email, headers } = await clients.person();
    const request = {
      requestId: uuidv7(),
      currentPassword: password,
      newPassword: 'new password!',
    };
    const disarm = armDebugPoint('platform.user.changing-password', () => {
      throw new Error('the process died');
    });
    await clients.users.changePassword(request, { headers }).catch(() => {});
    disarm();
    await expect(attempt(email, password)).resolves.toBeDefined();
    await clients.users.changePassword(request, { headers });
    await expect(attempt(email, 'new password!')).resolves.toBeDefined();
  });
});
