import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type RefreshTokenRequest,
  type RefreshTokenResponse,
  RefreshTokenResponseSchema,
} from '#gen/platform/user/v1/session_pb.ts';
import type { Tx } from '#kit/db/database.ts';
import { debugPoint } from '#kit/debug.ts';
import { endSessions } from './changes.ts';
import type { UserDeps } from './deps.ts';
import { decideRefresh, type Session, sessionExpiry } from './domain/sessions.ts';
import { RefreshTokenInvalid, RefreshTokenReused, type User } from './domain.ts';
import type { Signer } from './keyring.ts';
import { tokensToProto } from './proto.ts';
import { signAccessToken } from './tokens.ts';

/**
 * Trades a refresh token for the next pair. The session row itself remembers the last request and, encrypted, its answer:
 * an answer that was lost is given again for a while, and no token lies in the log of requests. Racing requests meet at
 * the person's lock: the first wins, the same request again gets the same answer, any other ends the session.
 */
export async function refresh(
  deps: UserDeps,
  { requestId, refreshToken }: RefreshTokenRequest,
): Promise<RefreshTokenResponse> {
  const { database, users, sessions, keyring, refreshTokens, clock } = deps;
  const presented = { ...refreshTokens.read(refreshToken), requestId };
  const owner = await sessions.findOwner(presented.sessionId);
  if (owner === undefined) throw new RefreshTokenInvalid();
  const signer = await keyring.signer();

  const answer = await database.transaction(async (tx) => {
    const { user } = await users.lockAccount(tx, owner);
    const session = await sessions.read(tx, presented.sessionId);
    if (session === undefined || user.status !== 'ACTIVE') throw new RefreshTokenInvalid();
    const decision = decideRefresh(session, presented, clock.now());
    switch (decision.verdict) {
      case 'rotate':
        return rotate(deps, tx, { user, session, signer, presented });
      case 'replay':
        return open(deps, decision.answer, presented);
      case 'reuse':
        // Not thrown in here: the end of the session must be committed.
        await endSessions(deps, tx, owner, (sessionId) => sessionId === session.sessionId);
        return undefined;
    }
  });
  await debugPoint('platform.user.refreshed');
  if (answer === undefined) throw new RefreshTokenReused();
  return answer;
}

interface Presented {
  sessionId: string;
  requestId: string;
  digest: string;
}

async function rotate(
  { sessions, refreshTokens, sealer, clock }: UserDeps,
  tx: Tx,
  held: { user: User; session: Session; signer: Signer; presented: Presented },
): Promise<RefreshTokenResponse> {
  const now = clock.now();
  const next = refreshTokens.make(held.session.sessionId);
  const session: Session = {
    ...held.session,
    usedAt: now,
    expiresAt: sessionExpiry({ ...held.session, usedAt: now }),
    tokenDigest: next.digest,
  };
  const access = await signAccessToken(held.signer, held.user, session, now);
  const answer = create(RefreshTokenResponseSchema, {
    tokens: tokensToProto(session, access, next.token),
  });
  const bytes = toBinary(RefreshTokenResponseSchema, answer);
  await sessions.rotate(tx, session, {
    tokenDigest: held.presented.digest,
    requestId: held.presented.requestId,
    rotatedAt: now,
    answer: sealer.seal(bytes, contextOf(held.presented)),
  });
  await debugPoint('platform.user.refreshing');
  return answer;
}

function open({ sealer }: UserDeps, answer: Uint8Array, presented: Presented) {
  return fromBinary(RefreshTokenResponseSchema, sealer.open(answer, contextOf(presented)));
}

function contextOf({ sessionId, requestId }: Presented): string {
  return `refresh ${sessionId} ${requestId}`;
}
