/** People who are signed in. */
import { SessionService } from '#gen/platform/user/v1/session_pb.ts';
import { Role, UserService } from '#gen/platform/user/v1/user_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Mesh } from '../mesh/mesh.ts';
import { signInAsStaff } from '../seed/seed.ts';
import type { Desk } from './desk.ts';

export interface Person {
  readonly userId: string;
  /** With a token that is good for ten minutes. */
  headers: { authorization: string };
  /** Signs in again. */
  renew(): Promise<void>;
}

const signUpsAtOnce = 8;
const password = 'correct horse battery staple';

/** The first of the staff, who makes others staff. */
export async function findOwner(mesh: Mesh): Promise<Person> {
  const owner: Person = {
    userId: '',
    headers: { authorization: '' },
    async renew() {
      owner.headers = (await signInAsStaff(mesh)).headers;
    },
  };
  await owner.renew();
  return owner;
}

/** Somebody new signs up and in, and is made staff. */
export async function hire(mesh: Mesh, desk: Desk, owner: Person): Promise<Person> {
  const person = await welcome(mesh, desk);
  const { userId } = person;
  const request = { requestId: uuidv7(), userId, roles: [Role.CUSTOMER, Role.STAFF] };
  await desk.write(owner, UserService.method.setRoles, request);
  // Roles are in the token.
  await person.renew();
  return person;
}

/** Somebody new signs up. */
export async function signUp(desk: Desk): Promise<{ userId: string; email: string }> {
  const email = `chaos-${uuidv7()}@example.com`;
  const request = { requestId: uuidv7(), email, password, name: 'Ada Lovelace' };
  // As a service: those are not rate limited, whereas so many people at one address are.
  const { user } = await desk.write(undefined, UserService.method.createUser, request);
  return { userId: user!.userId, email };
}

/** Somebody new signs up and in. */
export async function welcome(mesh: Mesh, desk: Desk): Promise<Person> {
  const { userId, email } = await signUp(desk);
  const sessions = mesh.client(SessionService, 'platform.user', { service: desk.service });
  const person: Person = {
    userId,
    headers: { authorization: '' },
    async renew() {
      const { tokens } = await sessions.authenticate({ requestId: uuidv7(), email, password });
      person.headers = { authorization: `Bearer ${tokens!.accessToken}` };
    },
  };
  await desk.insist(person, person.renew);
  return person;
}

/** So many of them, a few at once. */
export async function severally<Made>(count: number, make: () => Promise<Made>): Promise<Made[]> {
  const made: Made[] = [];
  while (made.length < count) {
    const missing = Math.min(count - made.length, signUpsAtOnce);
    made.push(...(await Promise.all(Array.from({ length: missing }, make))));
  }
  return made;
}
