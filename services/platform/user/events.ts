import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { SessionsRevokedSchema } from '#gen/platform/identity/v1/identity_pb.ts';
import { UserChangedSchema, UserCreatedSchema } from '#gen/platform/user/v1/user_pb.ts';
import { event, type OutgoingEvent } from '#kit/bus/event.ts';
import { limits, type User, type UserChange } from './domain.ts';
import { rolesToProto, statusToProto } from './proto.ts';

/** Published once for each person who signed up. */
export function userCreated({ userId, roles, version }: User): OutgoingEvent {
  return event(UserCreatedSchema, userId, { userId, roles: rolesToProto(roles), version });
}

/** Published once for each change of a person: what changed, not how it reads. */
export function userChanged({ user, fields }: UserChange): OutgoingEvent {
  const { userId, roles, status, version } = user;
  return event(UserChangedSchema, userId, {
    userId,
    changedFields: [...fields],
    roles: rolesToProto(roles),
    status: statusToProto(status),
    version,
  });
}

/** Published when sessions end before their time; none when there were none. Every process of the mesh obeys it. */
export function sessionsRevoked(
  userId: string,
  sessionIds: readonly string[],
  now: number,
): OutgoingEvent[] {
  if (sessionIds.length === 0) return [];
  const expireTime = timestampFromMs(now + limits.accessTokenMs + limits.clockSkewMs);
  return [
    event(SessionsRevokedSchema, userId, { userId, sessionIds: [...sessionIds], expireTime }),
  ];
}
