import type {
  SessionService,
  SignOutEverywhereResponseSchema,
  SignOutResponseSchema,
} from '#gen/platform/user/v1/session_pb.ts';
import { requestKey } from '#kit/db/request-key.ts';
import { answerOnce } from '#kit/db/request-log.ts';
import { debugPoint } from '#kit/debug.ts';
import { cutPage, decodeIdToken, encodePageToken } from '#kit/page.ts';
import { userOf } from '#kit/rpc/server/call.ts';
import type { Handlers } from '#kit/rpc/server/handlers.ts';
import { endSessions } from '../changes.ts';
import type { UserDeps } from '../deps.ts';
import { limits, SessionNotFound } from '../domain.ts';
import { sessionToProto } from '../proto.ts';
import { refresh } from '../refresh.ts';
import { signIn } from '../sign-in.ts';

export function createSessionRpc(deps: UserDeps): Handlers<typeof SessionService> {
  const { database, users, sessions, clock } = deps;
  return {
    authenticate: (request, call) => signIn(deps, request, call),
    refreshToken: (request) => refresh(deps, request),

    async listSessions({ pageSize, pageToken }, call) {
      const { id: userId, sessionId } = userOf(call);
      const query = ['ListSessions', userId];
      const before = decodeIdToken(query, pageToken);
      const size = pageSize || limits.pageSizeDefault;
      const rows = await sessions.page({ userId, now: clock.now(), before, limit: size + 1 });
      const { page, nextPageToken } = cutPage(rows, size, (last) =>
        encodePageToken(query, [last.sessionId]),
      );
      return { sessions: page.map((row) => sessionToProto(row, sessionId)), nextPageToken };
    },

    async signOut(request, call) {
      const user = userOf(call);
      const sessionId = request.sessionId || user.sessionId;
      return answerOnce<typeof SignOutResponseSchema>(
        database,
        call,
        requestKey(call, request),
        async (tx) => {
          await users.lockAccount(tx, user.id);
          const session = await sessions.read(tx, sessionId);
          if (session?.userId !== user.id) throw new SessionNotFound({ session_id: sessionId });
          await endSessions(deps, tx, user.id, (id) => id === sessionId);
          await debugPoint('platform.user.signing-out');
          return { sessionId };
        },
      );
    },

    async signOutEverywhere(request, call) {
      const { id: userId } = userOf(call);
      return answerOnce<typeof SignOutEverywhereResponseSchema>(
        database,
        call,
        requestKey(call, request),
        async (tx) => {
          await users.lockAccount(tx, userId);
          return { endedSessionCount: await endSessions(deps, tx, userId) };
        },
      );
    },
  };
}
