import {
  type CreateUserRequest,
  CreateUserRequestSchema,
  type CreateUserResponseSchema,
} from '#gen/platform/user/v1/user_pb.ts';
import { publish } from '#kit/db/outbox.ts';
import { requestKey } from '#kit/db/request-key.ts';
import { answerOnce, isAnswered } from '#kit/db/request-log.ts';
import { debugPoint } from '#kit/debug.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Call } from '#kit/rpc/server/call.ts';
import type { UserDeps } from './deps.ts';
import { checkPassword, EmailTaken, normalizeEmail, type User } from './domain.ts';
import { userCreated } from './events.ts';
import { userToProto } from './proto.ts';

/**
 * Makes an account. The unique index decides between sign-ups for one address; the look before only saves the work of
 * hashing. The answer to a repeated request is the first one, but whoever repeats a request tests its password against
 * the recorded one, so that takes an attempt, as a sign-in does.
 */
export async function signUp(deps: UserDeps, request: CreateUserRequest, call: Call) {
  const { database, users, passwords, attempts, sealer, clock } = deps;
  const email = normalizeEmail(request.email);
  checkPassword({ password: request.password, email });
  const key = requestKey(call, request, CreateUserRequestSchema, sealer);
  const isRepeat = await isAnswered(database, key);
  if (isRepeat) await attempts.take(email);
  const isTaken = isRepeat || (await users.findByEmail(email)) !== undefined;
  const passwordHash = isTaken ? '' : await passwords.hash(request.password);
  const now = clock.now();
  const user: User = {
    userId: uuidv7(now),
    email,
    name: request.name,
    phone: request.phone,
    roles: ['CUSTOMER'],
    status: 'ACTIVE',
    version: 1n,
    createdAt: now,
    updatedAt: now,
  };
  const response = await answerOnce<typeof CreateUserResponseSchema>(
    database,
    call,
    key,
    async (tx) => {
      const isNew = !isTaken && (await users.insertUser(tx, { user, passwordHash }));
      if (!isNew) throw new EmailTaken();
      publish(database, tx, [userCreated(user)]);
      await debugPoint('platform.user.signing-up');
      return { user: userToProto(user) };
    },
  );
  if (isRepeat) await attempts.clear(email);
  await debugPoint('platform.user.signed-up');
  return response;
}
