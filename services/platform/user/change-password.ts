import {
  type ChangePasswordRequest,
  ChangePasswordRequestSchema,
  type ChangePasswordResponseSchema,
} from '#gen/platform/user/v1/user_pb.ts';
import { requestKey } from '#kit/db/request-key.ts';
import { answerOnce, isAnswered } from '#kit/db/request-log.ts';
import { debugPoint } from '#kit/debug.ts';
import { type Call, userOf } from '#kit/rpc/server/call.ts';
import { endSessions, writeChange } from './changes.ts';
import type { UserDeps } from './deps.ts';
import {
  CredentialsWrong,
  changePassword as change,
  checkPassword,
  UserNotFound,
} from './domain.ts';

/**
 * Replaces the caller's password and ends their other sessions: whoever knew the old one is out. A repeat, whose current
 * password is the old one by then, gets the first answer; as in signIn, that too takes an attempt.
 */
export async function changePassword(deps: UserDeps, request: ChangePasswordRequest, call: Call) {
  const { database, users, passwords, attempts, sealer, clock } = deps;
  const { id: userId, sessionId: current } = userOf(call);
  const account = await users.findById(userId);
  if (account === undefined) throw new UserNotFound({ user_id: userId });
  const { email } = account.user;
  checkPassword({ password: request.newPassword, email });
  const key = requestKey(call, request, ChangePasswordRequestSchema, sealer);
  await attempts.take(email);
  const isRepeat = await isAnswered(database, key);
  if (!isRepeat && !(await passwords.verify(account.passwordHash, request.currentPassword))) {
    throw new CredentialsWrong();
  }
  const passwordHash = isRepeat ? '' : await passwords.hash(request.newPassword);
  const response = await answerOnce<typeof ChangePasswordResponseSchema>(
    database,
    call,
    key,
    async (tx) => {
      const locked = await users.lockAccount(tx, userId);
      // Another change was faster: what was proven is the password no longer.
      if (locked.passwordHash !== account.passwordHash) throw new CredentialsWrong();
      await users.writePassword(tx, userId, passwordHash);
      await writeChange(deps, tx, change(locked.user, clock.now()));
      const endedSessionCount = await endSessions(deps, tx, userId, (id) => id !== current);
      await debugPoint('platform.user.changing-password');
      return { endedSessionCount };
    },
  );
  await deps.views.invalidate([userId]);
  await attempts.clear(email);
  return response;
}
