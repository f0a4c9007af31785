import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { armDebugPoint } from '#kit/debug.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Network } from '#kit/testing/network.ts';
import { startNetwork } from '#services/testing.ts';
import { clientsOf, newEmail, password } from './testing.ts';

/** Two processes of the same service. */
let first: Network;
let second: Network;

beforeAll(async () => {
  first = await startNetwork(['platform.user']);
  second = await startNetwork(['platform.user'], { joins: first });
});
afterAll(async () => {
  await second.stop();
  await first.stop();
});

/**
 * Lets the first pass through a place hang in the middle of its transaction. `die` cuts its connections, which is all that
 * the database sees of a process that dies.
 */
function hangOnceAt(place: string) {
  let release = () => {};
  let reach = () => {};
  const reached = new Promise<void>((resolve) => {
    reach = resolve;
  });
  const disarm = armDebugPoint(place, () => {
    disarm();
    reach();
    return new Promise<void>((resolve) => {
      release = resolve;
    });
  });
  async function die(): Promise<void> {
    await first.sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and state = 'idle in transaction'`;
    release();
  }
  return { reached, die };
}

describe('a process that dies in the middle leaves to another', () => {
  test('a sign-up that it had not committed', async () => {
    const request = { requestId: uuidv7(), email: newEmail(), password, name: 'Ada' };
    const { reached, die } = hangOnceAt('platform.user.signing-up');
    const lost = clientsOf(first).users.createUser(request);
    lost.catch(() => {});
    await reached;
    const retried = clientsOf(second).users.createUser(request);
    await die();
    await expect(lost).rejects.toBeDefined();
    const { user } = await retried;
    const rows = await first.sql`
      select user_id from platform_user.app_user where email = ${request.email}`;
    expect(rows.map((row) => row.user_id)).toEqual([user!.userId]);
  });

  test('a refresh that it had not committed, and the token is still good', async () => {
    const { refreshToken, sessionId } = await clientsOf(first).person();
    const requestId = uuidv7();
    const { reached, die } = hangOnceAt('platform.user.refreshing');
    const lost = clientsOf(first).refresh(refreshToken, requestId);
    lost.catch(() => {});
    await reached;
    const retried = clientsOf(second).refresh(refreshToken, requestId);
    await die();
    await expect(lost).rejects.toBeDefined();
    const tokens = await retried;
    expect(tokens.sessionId).toBe(sessionId);
    await expect(clientsOf(second).refresh(tokens.refreshToken)).resolves.toBeDefined();
  });

  test('a sign-in that it had committed and not answered', async () => {
    const { email } = await clientsOf(first).signUp();
    const request = { requestId: uuidv7(), email, password };
    const { reached, die } = hangOnceAt('platform.user.signed-in');
    const lost = clientsOf(first).sessions.authenticate(request);
    await reached;
    const found = await clientsOf(second).sessions.authenticate(request);
    await die();
    expect((await lost).tokens).toEqual(found.tokens);
  });
});
