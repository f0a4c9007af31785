/** Domain to proto and back. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { NotificationSchema } from '#gen/platform/notification/v1/notification_pb.ts';
import {
  NotificationKind,
  NotificationKindSchema,
} from '#gen/platform/notification/v1/notification_pb.ts';
import type { Kind, Notification } from './domain.ts';
import { type Locale, textsOf } from './templates.ts';

export function notificationToProto(
  notification: Notification,
  locale: Locale,
): MessageInitShape<typeof NotificationSchema> {
  const { notificationId, kind, subjectId, parameters, createdAt, readAt } = notification;
  return {
    notificationId,
    kind: NotificationKind[kind],
    subjectId,
    parameters: { ...parameters },
    ...textsOf(notification, locale),
    createTime: timestampFromMs(createdAt),
    readTime: readAt === undefined ? undefined : timestampFromMs(readAt),
  };
}

export function kindFromProto(kind: NotificationKind): Kind {
  return NotificationKindSchema.value[kind]!.localName as Kind;
}
