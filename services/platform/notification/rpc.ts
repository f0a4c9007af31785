import { timestampMs } from '@bufbuild/protobuf/wkt';
import type {
  MarkReadRequest,
  MarkReadResponseSchema,
  NotificationService,
  SendNotificationResponseSchema,
} from '#gen/platform/notification/v1/notification_pb.ts';
import type { Clock } from '#kit/clock.ts';
import type { Database, Tx } from '#kit/db/database.ts';
import { requestKey } from '#kit/db/request-key.ts';
import { answerOnce } from '#kit/db/request-log.ts';
import { assert } from '#kit/errors.ts';
import { cutPage, decodeNumberToken, encodePageToken } from '#kit/page.ts';
import { userOf } from '#kit/rpc/server/call.ts';
import type { Handlers } from '#kit/rpc/server/handlers.ts';
import type { FeedHub } from '#kit/streams/feed.ts';
import { checkTelling, limits, type Notification, NotificationNotFound } from './domain.ts';
import { kindFromProto, notificationToProto } from './proto.ts';
import type { Store } from './store.ts';
import { localeOf } from './templates.ts';

export interface RpcDeps {
  database: Database;
  store: Store;
  hub: FeedHub<Notification>;
  clock: Clock;
}

export function createNotificationRpc(deps: RpcDeps): Handlers<typeof NotificationService> {
  const { database, store, hub, clock } = deps;

  async function markRead(tx: Tx, userId: string, read: MarkReadRequest['read']): Promise<void> {
    const now = clock.now();
    if (read.case === 'upToTime') {
      await store.markReadUpTo(tx, userId, timestampMs(read.value), now);
      return;
    }
    assert(read.case === 'ids', 'a request says what was read, or validation refused it');
    const { notificationIds } = read.value;
    const own = await store.findOwn(tx, userId, notificationIds);
    const missing = notificationIds.find((id) => !own.has(id));
    if (missing !== undefined) throw new NotificationNotFound({ notification_id: missing });
    await store.markRead(tx, userId, notificationIds, now);
  }

  return {
    async listNotifications({ pageSize, pageToken, unreadOnly, locale }, call) {
      const userId = userOf(call).id;
      const query = ['ListNotifications', userId, String(unreadOnly)];
      const before = decodeNumberToken(query, pageToken);
      const size = pageSize || limits.pageSizeDefault;
      const found = await store.list({ userId, unreadOnly }, before, size + 1);
      const { page, nextPageToken } = cutPage(found, size, (last) =>
        encodePageToken(query, [String(last.position)]),
      );
      const language = localeOf(locale);
      return {
        notifications: page.map((one) => notificationToProto(one, language)),
        nextPageToken,
      };
    },

    getUnreadCount: async (_, call) => ({ unreadCount: await store.countUnread(userOf(call).id) }),

    sendNotification(request, call) {
      const { userId, subjectId, parameters } = request;
      const kind = kindFromProto(request.kind);
      const key = requestKey(call, request);
      return answerOnce<typeof SendNotificationResponseSchema>(database, call, key, async (tx) => {
        const telling = { userId, kind, subjectId, parameters };
        checkTelling(telling);
        const [notification] = await store.tell(tx, [telling], clock.now());
        return { notification: notificationToProto(notification!, 'en') };
      });
    },

    markRead(request, call) {
      const userId = userOf(call).id;
      const key = requestKey(call, request);
      return answerOnce<typeof MarkReadResponseSchema>(database, call, key, async (tx) => {
        await markRead(tx, userId, request.read);
        return { unreadCount: await store.countUnread(userId, tx) };
      });
    },

    async *streamNotifications({ cursor, locale }, call) {
      const userId = userOf(call).id;
      const query = ['StreamNotifications', userId];
      const cursorAt = (position: bigint) => encodePageToken(query, [String(position)]);
      const language = localeOf(locale);
      const after = decodeNumberToken(query, cursor) ?? (await store.readHead(userId));
      yield { notifications: [], cursor: cursorAt(after) };
      for await (const added of hub.follow({ feed: userId, after }, call.signal)) {
        yield {
          notifications: added.map((one) => notificationToProto(one, language)),
          cursor: cursorAt(added.at(-1)!.position),
        };
      }
    },
  };
}
