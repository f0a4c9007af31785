/** What the tests of this service share: people who really sign up and in. */
import { SessionService } from '#gen/platform/user/v1/session_pb.ts';
import { UserService } from '#gen/platform/user/v1/user_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Network } from '#kit/testing/network.ts';

export const password = 'correct horse battery staple';

export function newEmail(): string {
  return `p-${uuidv7()}@example.com`;
}

/** Clients of the service, through the gateway: calls of a service are not held to a person's rate. */
export function clientsOf(network: Network) {
  const as = { service: 'platform.gateway' };
  const users = network.client(UserService, 'platform.user', as);
  const sessions = network.client(SessionService, 'platform.user', as);

  async function signUp(email = newEmail()) {
    const request = { requestId: uuidv7(), email, password, name: 'Somebody' };
    const { user } = await users.createUser(request);
    return { ...user!, id: user!.userId };
  }

  async function signIn(email: string, more: { password?: string; deviceName?: string } = {}) {
    const request = { requestId: uuidv7(), email, password, ...more };
    const { tokens } = await sessions.authenticate(request);
    const headers = { authorization: `Bearer ${tokens!.accessToken}` };
    return { ...tokens!, headers };
  }

  /** A person with an account and a session. */
  async function person() {
    const user = await signUp();
    return { ...user, ...(await signIn(user.email)) };
  }

  const refresh = (refreshToken: string, requestId = uuidv7()) =>
    sessions.refreshToken({ requestId, refreshToken }).then(({ tokens }) => ({
      ...tokens!,
      headers: { authorization: `Bearer ${tokens!.accessToken}` },
    }));

  return { users, sessions, signUp, signIn, person, refresh };
}
