import {
  NotificationKind,
  NotificationService,
} from '#gen/platform/notification/v1/notification_pb.ts';
import { uuidv7 } from '#kit/ids.ts';
import type { MakeBelongings } from '../belongings.ts';

/** What they were told: in words with the mark, and of their orders. */
export const belongings: MakeBelongings = async (
  shop,
  { id: userId, headers, mark, requestId },
) => {
  const service = shop.network.client(NotificationService, 'platform.notification', {
    service: 'platform.user',
  });
  const announce = async () => {
    const { notification } = await service.sendNotification({
      requestId: uuidv7(),
      userId,
      kind: NotificationKind.ANNOUNCEMENT,
      subjectId: uuidv7(),
      parameters: { title: mark, body: mark },
    });
    return notification!;
  };
  await announce();
  await announce();
  await shop.settle();
  const door = shop.network.client(NotificationService, 'platform.gateway');
  const { notifications } = await door.listNotifications({}, { headers });
  const oldest = notifications.at(-1)!;
  const value = { notificationIds: [oldest.notificationId] };
  await door.markRead({ requestId, read: { case: 'ids', value } }, { headers });
  const [unread] = notifications;
  return {
    names: {
      notification_id: [unread!.notificationId, oldest.notificationId],
      subject_id: notifications.map(({ subjectId }) => subjectId),
    },
    stir: async () => [(await announce()).notificationId],
  };
};
