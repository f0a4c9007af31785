/** People who can call the mesh: signed up and in at its public door. */
import { SessionService } from '#gen/platform/user/v1/session_pb.ts';
import { UserService } from '#gen/platform/user/v1/user_pb.ts';
import type { Network } from '#kit/testing/network.ts';

export type Headers = { authorization: string };

/** How somebody is described, and what they want. */
export interface Sketch {
  /** In every text of theirs. */
  mark: string;
  /** How many units they buy each time, by which their amounts are known. */
  quantity: bigint;
  /** Of the first call of each method: ids are unique only for one person and one method. */
  requestId: string;
}

/** Somebody who can call, and has nothing yet. */
export interface Account extends Sketch {
  id: string;
  email: string;
  password: string;
  /** Of the session in which they call. */
  sessionId: string;
  headers: Headers;
}

/** Signs somebody up and in at the public door. */
export async function signUpAndIn(network: Network, sketch: Sketch): Promise<Account> {
  const { mark, requestId } = sketch;
  const users = network.client(UserService, 'platform.gateway');
  const sessions = network.client(SessionService, 'platform.gateway');
  const email = `${mark}@example.com`;
  const password = `password of ${mark}`;
  const { user } = await users.createUser({ requestId, email, password, name: mark });
  const device = { requestId, email, password, deviceName: mark };
  const { accessToken, sessionId } = (await sessions.authenticate(device)).tokens!;
  const headers = { authorization: `Bearer ${accessToken}` };
  return { ...sketch, id: user!.userId, email, password, sessionId, headers };
}

/** Where the person with this mark lives. */
export function addressOf(mark: string) {
  return { recipient: mark, lines: [mark], city: mark, postalCode: '12345', countryCode: 'DE' };
}
