import {
  type AuthenticateRequest,
  AuthenticateRequestSchema,
  type AuthenticateResponseSchema,
} from '#gen/platform/user/v1/session_pb.ts';
import type { Tx } from '#kit/db/database.ts';
import { publish } from '#kit/db/outbox.ts';
import { requestKey } from '#kit/db/request-key.ts';
import { answerOnce, isAnswered } from '#kit/db/request-log.ts';
import { debugPoint } from '#kit/debug.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { Call } from '#kit/rpc/server/call.ts';
import type { UserDeps } from './deps.ts';
import { type Session, sessionExpiry, sessionsToEnd } from './domain/sessions.ts';
import { CredentialsWrong, normalizeEmail, type User, UserNotActive } from './domain.ts';
import { sessionsRevoked } from './events.ts';
import { tokensToProto, userToProto } from './proto.ts';
import type { Account } from './store/users.ts';
import { signAccessToken } from './tokens.ts';

/**
 * Starts a session for whoever knows the password. Every test of a password is preceded by taking an attempt: the test
 * against the hash, and the test against a recorded request that a repeat amounts to. Only the right one gives it back.
 * Refusals are not recorded: what is wrong today may be right tomorrow, and then the same request is.
 */
export async function signIn(deps: UserDeps, request: AuthenticateRequest, call: Call) {
  const { database, users, attempts, keyring, sealer } = deps;
  const email = normalizeEmail(request.email);
  const key = requestKey(call, request, AuthenticateRequestSchema, sealer);
  await attempts.take(email);
  await debugPoint('platform.user.attempt-taken');
  const isRepeat = await isAnswered(database, key);
  const proven = isRepeat ? undefined : await prove(deps, { email, password: request.password });
  await debugPoint('platform.user.password-proven');
  // Not inside the transaction: reading the keys takes a connection of its own.
  const signer = await keyring.signer();
  const response = await answerOnce<typeof AuthenticateResponseSchema>(
    database,
    call,
    key,
    async (tx) => {
      const { user, passwordHash } = await users.lockAccount(tx, proven!.user.userId);
      // The password or the status may have changed since the proof.
      if (passwordHash !== proven!.passwordHash) throw new Overtaken(new CredentialsWrong());
      if (user.status !== 'ACTIVE') {
        throw new Overtaken(new UserNotActive({ status: user.status }));
      }
      const { session, refreshToken } = await startSession(deps, tx, user, request.deviceName);
      const access = await signAccessToken(signer, user, session, session.startedAt);
      await debugPoint('platform.user.signing-in');
      return { user: userToProto(user), tokens: tokensToProto(session, access, refreshToken) };
    },
  ).catch(throwRefusal);
  await debugPoint('platform.user.signed-in');
  await attempts.clear(email);
  return response;
}

/** The proof holds no longer. No DomainError, so that it undoes the transaction and is not recorded. */
class Overtaken extends Error {
  readonly refusal: CredentialsWrong | UserNotActive;

  constructor(refusal: CredentialsWrong | UserNotActive) {
    super();
    this.refusal = refusal;
  }
}

function throwRefusal(error: unknown): never {
  throw error instanceof Overtaken ? error.refusal : error;
}

/** Throws CredentialsWrong, after the same work whoever's address it is. */
async function prove(
  deps: UserDeps,
  { email, password }: { email: string; password: string },
): Promise<Account> {
  const account = await deps.users.findByEmail(email);
  const fits = await deps.passwords.verify(account?.passwordHash, password);
  if (account === undefined || !fits) throw new CredentialsWrong();
  const { status } = account.user;
  if (status !== 'ACTIVE') throw new UserNotActive({ status });
  return account;
}

async function startSession(deps: UserDeps, tx: Tx, user: User, deviceName: string) {
  const { database, sessions, refreshTokens, clock } = deps;
  const now = clock.now();
  const surplus = sessionsToEnd(await sessions.listOpen(tx, user.userId, now));
  const ended = await sessions.end(
    tx,
    surplus.map(({ sessionId }) => sessionId),
    now,
  );
  publish(database, tx, sessionsRevoked(user.userId, ended, now));
  const sessionId = uuidv7(now);
  const { token, digest } = refreshTokens.make(sessionId);
  const session: Session = {
    sessionId,
    userId: user.userId,
    deviceName,
    startedAt: now,
    usedAt: now,
    expiresAt: sessionExpiry({ startedAt: now, usedAt: now }),
    isEnded: false,
    tokenDigest: digest,
    previous: undefined,
  };
  await sessions.insert(tx, session);
  return { session, refreshToken: token };
}
