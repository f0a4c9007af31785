/** Domain to proto, and the few things that come the other way. */
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type PostalAddress as PostalAddressMessage,
  Role as RoleEnum,
  UserStatus as UserStatusEnum,
} from '#gen/platform/user/v1/user_pb.ts';
import type { Address, PostalAddress, Role, User, UserStatus } from './domain.ts';
import type { StoredKey } from './store/keys.ts';
import type { OpenSession } from './store/sessions.ts';
import type { AccessToken } from './tokens.ts';

export function rolesToProto(roles: readonly Role[]) {
  return roles.map((role) => RoleEnum[role]);
}

export function rolesFromProto(roles: readonly RoleEnum[]): Role[] {
  const found: Role[] = [];
  if (roles.includes(RoleEnum.CUSTOMER)) found.push('CUSTOMER');
  if (roles.includes(RoleEnum.STAFF)) found.push('STAFF');
  return found;
}

export function statusToProto(status: UserStatus) {
  return UserStatusEnum[status];
}

export function userToProto(user: User) {
  const { userId, email, name, phone, version } = user;
  return {
    userId,
    email,
    name,
    phone,
    roles: rolesToProto(user.roles),
    status: statusToProto(user.status),
    createTime: timestampFromMs(user.createdAt),
    updateTime: timestampFromMs(user.updatedAt),
    version,
  };
}

export function addressToProto({ addressId, label, postalAddress, createdAt }: Address) {
  const { lines, ...rest } = postalAddress;
  return {
    addressId,
    label,
    postalAddress: { ...rest, lines: [...lines] },
    createTime: timestampFromMs(createdAt),
  };
}

export function postalAddressFromProto(message: PostalAddressMessage): PostalAddress {
  const { recipient, lines, city, region, postalCode, countryCode } = message;
  return { recipient, lines, city, region, postalCode, countryCode };
}

export function sessionToProto(session: OpenSession, currentId: string) {
  const { sessionId, deviceName, startedAt, usedAt, expiresAt } = session;
  return {
    sessionId,
    deviceName,
    createTime: timestampFromMs(startedAt),
    useTime: timestampFromMs(usedAt),
    expireTime: timestampFromMs(expiresAt),
    isCurrent: sessionId === currentId,
  };
}

export function tokensToProto(
  session: { sessionId: string; expiresAt: number },
  access: AccessToken,
  refreshToken: string,
) {
  return {
    sessionId: session.sessionId,
    accessToken: access.token,
    accessExpireTime: timestampFromMs(access.expiresAt),
    refreshToken,
    refreshExpireTime: timestampFromMs(session.expiresAt),
  };
}

export function keyToProto({ keyId, publicKey, publishedAt, signsFrom }: StoredKey) {
  return {
    keyId,
    publicKey,
    publishTime: timestampFromMs(publishedAt),
    signTime: timestampFromMs(signsFrom),
  };
}
