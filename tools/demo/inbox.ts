import type {
  Notification,
  StreamNotificationsResponse,
} from '#gen/platform/notification/v1/notification_pb.ts';

/** What a person is told, as it arrives. */
export interface Inbox {
  /**
   * Everything that has arrived, once it is `count` notifications or more. Rejects as the stream does when it ends
   * before.
   */
  read(count: number): Promise<readonly Notification[]>;
  close(): Promise<void>;
}

/** Opens a stream of StreamNotifications over any transport; whatever is told from here on arrives. */
export async function openInbox(
  stream: AsyncIterable<StreamNotificationsResponse>,
): Promise<Inbox> {
  const answers = stream[Symbol.asyncIterator]();
  const arrived: Notification[] = [];
  const next = async () => {
    const { value, done } = await answers.next();
    if (done) throw new Error(`the stream ended after ${arrived.length} notifications`);
    arrived.push(...value.notifications);
  };
  // The first answer has no notification: it says that the stream is open.
  await next();
  return {
    async read(count) {
      while (arrived.length < count) await next();
      return [...arrived];
    },
    async close() {
      await answers.return?.();
    },
  };
}
