import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { armDebugPoint } from '#kit/debug.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Network } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';
import { limits } from './domain.ts';
import { clientsOf } from './testing.ts';

let network: Network;
let clients: ReturnType<typeof clientsOf>;

beforeAll(async () => {
  network = await startNetwork(['platform.user']);
  clients = clientsOf(network);
});
afterAll(() => network.stop());

type Held = { userId: string; headers: { authorization: string } };

const read = ({ userId, headers }: Held) => clients.users.getUser({ userId }, { headers });

/** The session is over: neither of its tokens counts. */
async function expectEnded(person: Held, refreshToken: string): Promise<void> {
  await network.settle();
  await expect(read(person)).rejects.toMatchObject({
    code: 'unauthenticated',
    reason: 'SESSION_REVOKED',
  });
  await expect(clients.refresh(refreshToken)).rejects.toMatchObject({
    reason: 'REFRESH_TOKEN_INVALID',
  });
}

describe('a refresh token', () => {
  test('is traded for new tokens of the same session, again and again', async () => {
    const person = await clients.person();
    let held = person.refreshToken;
    for (let i = 0; i < 5; i += 1) {
      network.clock.advance({ minutes: 9 });
      const next = await clients.refresh(held);
      expect(next.sessionId).toBe(person.sessionId);
      expect(next.refreshToken).not.toBe(held);
      await expect(read({ ...person, headers: next.headers })).resolves.toBeDefined();
      held = next.refreshToken;
    }
    await expect(read(person)).rejects.toMatchObject({ reason: 'CREDENTIALS_EXPIRED' });
  });

  test('used a second time ends the session, for the thief and for the owner', async () => {
    const person = await clients.person();
    const next = await clients.refresh(person.refreshToken);
    await expect(clients.refresh(person.refreshToken)).rejects.toMatchObject({
      code: 'unauthenticated',
      reason: 'REFRESH_TOKEN_REUSED',
    });
    await expectEnded({ ...person, headers: next.headers }, next.refreshToken);
  });

  test('of any generation before ends the session too', async () => {
    const person = await clients.person();
    const second = await clients.refresh(person.refreshToken);
    const third = await clients.refresh(second.refreshToken);
    await expect(clients.refresh(person.refreshToken)).rejects.toMatchObject({
      reason: 'REFRESH_TOKEN_REUSED',
    });
    await expectEnded({ ...person, headers: third.headers }, third.refreshToken);
  });

  test('that is forged ends nothing, even with the id of a session that is known', async () => {
    const person = await clients.person();
    const { refreshToken } = await clients.refresh(person.refreshToken);
    const id = Buffer.from(person.sessionId.replaceAll('-', ''), 'hex');
    const forged = [
      Buffer.concat([id, randomBytes(48)]).toString('base64url'),
      randomBytes(64).toString('base64url'),
      `${refreshToken}=`,
      'not a token',
    ];
    for (const token of forged) {
      await expect(clients.refresh(token)).rejects.toMatchObject({
        code: 'unauthenticated',
        reason: 'REFRESH_TOKEN_INVALID',
      });
    }
    await expect(clients.refresh(refreshToken)).resolves.toBeDefined();
  });

  test('traded by the same request 16 times at once, in capitals or not, gives 16 times the same tokens', async () => {
    const person = await clients.person();
    const requestId = uuidv7();
    const answers = await Promise.all(
      Array.from({ length: 16 }, (_, i) =>
        clients.refresh(person.refreshToken, i % 2 === 0 ? requestId : requestId.toUpperCase()),
      ),
    );
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    await expect(clients.refresh(answers[0]!.refreshToken)).resolves.toBeDefined();
  });

  test('traded by two requests at once is won by one; the other ends the session', async () => {
    const person = await clients.person();
    const results = await Promise.allSettled([
      clients.refresh(person.refreshToken),
      clients.refresh(person.refreshToken),
    ]);
    const won = results.filter((result) => result.status === 'fulfilled');
    const lost = results.filter((result) => result.status === 'rejected');
    expect([won.length, lost.length]).toEqual([1, 1]);
    expect(lost[0]!.reason).toMatchObject({ reason: 'REFRESH_TOKEN_REUSED' });
    const { headers, refreshToken } = won[0]!.value;
    await expectEnded({ ...person, headers }, refreshToken);
  });

  test('whose answer was lost gives it again to the same request for a while, then no more', async () => {
    const person = await clients.person();
    const requestId = uuidv7();
    const first = await clients.refresh(person.refreshToken, requestId);
    network.clock.advance({ milliseconds: limits.refreshReplayMsMax - 5_000 });
    await network.settle();
    expect(await clients.refresh(person.refreshToken, requestId)).toEqual(first);
    network.clock.advance({ seconds: 6 });
    await expect(clients.refresh(person.refreshToken, requestId)).rejects.toMatchObject({
      reason: 'REFRESH_TOKEN_REUSED',
    });
  });

  test('survives a crash before the commit and after it', async () => {
    const person = await clients.person();
    let held = person.refreshToken;
    for (const place of ['platform.user.refreshing', 'platform.user.refreshed']) {
      const requestId = uuidv7();
      const disarm = armDebugPoint(place, () => {
        throw new Error('the process died');
      });
      await expect(clients.refresh(held, requestId)).rejects.toMatchObject({ code: 'internal' });
      disarm();
      const next = await clients.refresh(held, requestId);
      expect(await clients.refresh(held, requestId)).toEqual(next);
      held = next.refreshToken;
    }
    await expect(clients.refresh(held)).resolves.toBeDefined();
  });

  test('is no longer good when nobody used it for a month, nor half a year after the sign-in', async () => {
    const idle = await clients.person();
    network.clock.advance({ days: 31 });
    await expect(clients.refresh(idle.refreshToken)).rejects.toMatchObject({
      reason: 'REFRESH_TOKEN_INVALID',
    });
    const busy = await clients.person();
    let held = busy.refreshToken;
    for (let day = 0; day < 175; day += 25) {
      network.clock.advance({ days: 25 });
      held = (await clients.refresh(held)).refreshToken;
    }
    network.clock.advance({ days: 6 });
    await expect(clients.refresh(held)).rejects.toMatchObject({ reason: 'REFRESH_TOKEN_INVALID' });
  });

  test('leaves no answer behind, not even an encrypted one, once it may not be repeated', async () => {
    const person = await clients.person();
    await clients.refresh(person.refreshToken);
    const kept = () => network.sql`
      select from platform_user.session
      where session_id = ${person.sessionId} and previous_answer is not null`;
    expect(await kept()).toHaveLength(1);
    network.clock.advance({ minutes: 4 });
    await network.settle();
    expect(await kept()).toHaveLength(0);
  });
});

describe('signing out', () => {
  test('ends this session, or another one of the caller, and nobody else’s', async () => {
    const person = await clients.person();
    const other = await clients.signIn(person.email);
    const stranger = await clients.person();
    const signOut = (sessionId: string, headers: { authorization: string }) =>
      clients.sessions.signOut({ requestId: uuidv7(), sessionId }, { headers });
    await expect(signOut(stranger.sessionId, person.headers)).rejects.toMatchObject({
      code: 'not_found',
      reason: 'SESSION_NOT_FOUND',
    });
    await signOut(other.sessionId, person.headers);
    await signOut(other.sessionId, person.headers);
    await signOut('', person.headers);
    await expectEnded({ ...person, headers: other.headers }, other.refreshToken);
    await expectEnded(person, person.refreshToken);
    await expect(read(stranger)).resolves.toBeDefined();
  });

  test('everywhere ends all of them at once', async () => {
    const person = await clients.person();
    const others = [await clients.signIn(person.email), await clients.signIn(person.email)];
    const { endedSessionCount } = await clients.sessions.signOutEverywhere(
      { requestId: uuidv7() },
      { headers: person.headers },
    );
    expect(endedSessionCount).toBe(3);
    for (const { headers, refreshToken } of [person, ...others]) {
      await expectEnded({ ...person, headers }, refreshToken);
    }
  });

  test('while a refresh is under way leaves no session open', async () => {
    const person = await clients.person();
    const [refreshed] = await Promise.allSettled([
      clients.refresh(person.refreshToken),
      clients.sessions.signOut({ requestId: uuidv7() }, { headers: person.headers }),
    ]);
    const held = refreshed.status === 'fulfilled' ? refreshed.value : person;
    await expectEnded({ ...person, headers: held.headers }, held.refreshToken);
  });

  test('that dies before its commit ends nothing, and ends the session when it is sent again', async () => {
    const person = await clients.person();
    const request = { requestId: uuidv7() };
    const disarm = armDebugPoint('platform.user.signing-out', () => {
      throw new Error('the process died');
    });
    await clients.sessions.signOut(request, { headers: person.headers }).catch(() => {});
    disarm();
    await network.settle();
    await expect(read(person)).resolves.toBeDefined();
    await clients.sessions.signOut(request, { headers: person.headers });
    await expectEnded(person, person.refreshToken);
  });

  test('is seen in the list of sessions, page by page', async () => {
    const person = await clients.person();
    const more = [await clients.signIn(person.email), await clients.signIn(person.email)];
    const { headers } = person;
    const first = await clients.sessions.listSessions({ pageSize: 2 }, { headers });
    const pageToken = first.nextPageToken;
    const second = await clients.sessions.listSessions({ pageSize: 2, pageToken }, { headers });
    const listed = [...first.sessions, ...second.sessions];
    expect(listed.map(({ sessionId }) => sessionId)).toEqual(
      [person, ...more].map(({ sessionId }) => sessionId).toReversed(),
    );
    expect(listed.map(({ isCurrent }) => isCurrent)).toEqual([false, false, true]);
    expect(second.nextPageToken).toBe('');
  });
});
