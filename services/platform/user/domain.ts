/** People: who they are, what may become of them, and every bound of this service. Pure. */
import { DomainError } from '#kit/errors.ts';
import { limits as kitLimits } from '#kit/limits.ts';
import { FieldsInvalid } from '#kit/mesh-errors.ts';
import { commonPasswords } from './domain/common-passwords.ts';

const minuteMs = 60_000;
const dayMs = 86_400_000;

export const limits = {
  addressesPerUserMax: 20,
  sessionsPerUserMax: 20, // so that one event can name all that end at once
  pageSizeDefault: 20,

  attemptsMax: 10, // passwords that may be tried for one address in one lock-out period
  lockoutMs: 15 * minuteMs,

  hashesAtOnceMax: 2, // of the 4 threads that Node shares among files, names and hashes
  hashQueueMax: 200, // a second or two of work

  accessTokenMs: kitLimits.accessTokenMsMax,
  sessionIdleMsMax: 30 * dayMs, // without a refresh
  sessionMsMax: 180 * dayMs, // however often it is refreshed
  refreshReplayMsMax: 2 * minuteMs, // the contract says 120 seconds
  sessionKeptMs: 7 * dayMs, // after its end, to tell a reused token from a forged one

  keyPublishMs: minuteMs, // before it signs; verifiers ask for unknown keys every 5 s
  keySignMsMax: 30 * dayMs,
  clockSkewMs: minuteMs, // between the processes of a mesh
  keyReloadMs: 15_000, // a process must have read a key before the key signs

  keyCheckEveryMs: 10_000, // keys live for days: a look more or less costs nothing
  sweepEveryMs: 30_000, // what is over counts no longer; this only bounds how much of it lies there
  sweepBatchMax: 500,

  readMsMax: 2_000, // as GetUser's own deadline
  viewMsMax: 60_000, // how old a person may look when an invalidation was lost with Redis
} as const;

/** No such person, or not one that the caller may see. Metadata: user_id, when one was named. */
export class UserNotFound extends DomainError<Record<string, string>> {
  readonly code = 'not_found';
  readonly reason = 'USER_NOT_FOUND';
}

/** Somebody signs up with an address that belongs to somebody, in these capitals or others. */
export class EmailTaken extends DomainError {
  readonly code = 'already_exists';
  readonly reason = 'EMAIL_TAKEN';
}

/** A new password is what an attacker tries first: a common one, or the address itself. */
export class PasswordTooWeak extends DomainError<{ rule: 'COMMON' | 'EQUALS_EMAIL' }> {
  readonly code = 'invalid_argument';
  readonly reason = 'PASSWORD_TOO_WEAK';
}

/**
 * No such pair of address and password; which of the two is wrong it does not say. Also when the password was changed
 * meanwhile.
 */
export class CredentialsWrong extends DomainError {
  readonly code = 'unauthenticated';
  readonly reason = 'CREDENTIALS_WRONG';
}

/** An address has used up its attempts of this period; the right password is not tested either. */
export class TooManyAttempts extends DomainError<{ retry_after_ms: string }> {
  readonly code = 'resource_exhausted';
  readonly reason = 'TOO_MANY_ATTEMPTS';
}

/** The password was right, but the account is not ACTIVE. */
export class UserNotActive extends DomainError<{ status: string }> {
  readonly code = 'permission_denied';
  readonly reason = 'USER_NOT_ACTIVE';
}

/** A person of this status cannot be suspended, reinstated or deactivated. */
export class UserStatusConflict extends DomainError<{ user_id: string; status: string }> {
  readonly code = 'failed_precondition';
  readonly reason = 'USER_STATUS_CONFLICT';
}

/** Somebody on the staff suspends themselves or changes their own roles: another must do it. */
export class CannotChangeSelf extends DomainError {
  readonly code = 'failed_precondition';
  readonly reason = 'CANNOT_CHANGE_SELF';
}

/** Nobody on the staff would be left who is ACTIVE: another must be promoted first. */
export class LastStaff extends DomainError<{ user_id: string }> {
  readonly code = 'failed_precondition';
  readonly reason = 'LAST_STAFF';
}

/** The person's own book has no such address, whoever else may have it. */
export class AddressNotFound extends DomainError<{ address_id: string }> {
  readonly code = 'not_found';
  readonly reason = 'ADDRESS_NOT_FOUND';
}

/** The book has no room for one more address. */
export class TooManyAddresses extends DomainError<{ limit: string }> {
  readonly code = 'resource_exhausted';
  readonly reason = 'TOO_MANY_ADDRESSES';
}

/** A refresh token is forged, or its session is over. It ends nothing. */
export class RefreshTokenInvalid extends DomainError {
  readonly code = 'unauthenticated';
  readonly reason = 'REFRESH_TOKEN_INVALID';
}

/** A refresh token was used before, so two may hold what one should: the session has been ended. */
export class RefreshTokenReused extends DomainError {
  readonly code = 'unauthenticated';
  readonly reason = 'REFRESH_TOKEN_REUSED';
}

/** The caller has no such session, whoever else may have it. */
export class SessionNotFound extends DomainError<{ session_id: string }> {
  readonly code = 'not_found';
  readonly reason = 'SESSION_NOT_FOUND';
}

export type Role = 'CUSTOMER' | 'STAFF';
export type UserStatus = 'ACTIVE' | 'INACTIVE' | 'SUSPENDED';

export interface User {
  readonly userId: string;
  /** Normalised. */
  readonly email: string;
  readonly name: string;
  /** E.164, or empty. */
  readonly phone: string;
  readonly roles: readonly Role[];
  readonly status: UserStatus;
  readonly version: bigint;
  /** Milliseconds since the epoch, both. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** A person as they become, and the names of the fields that made them so. */
export interface UserChange {
  readonly user: User;
  readonly fields: readonly string[];
}

function changed(user: User, fields: readonly string[], now: number): UserChange {
  return { user: { ...user, version: user.version + 1n, updatedAt: now }, fields };
}

export type StatusChange = 'suspend' | 'reinstate' | 'deactivate';

const statusChanges: Record<StatusChange, { from: readonly UserStatus[]; to: UserStatus }> = {
  suspend: { from: ['ACTIVE', 'INACTIVE'], to: 'SUSPENDED' },
  reinstate: { from: ['INACTIVE', 'SUSPENDED'], to: 'ACTIVE' },
  deactivate: { from: ['ACTIVE'], to: 'INACTIVE' },
};

/** Throws UserStatusConflict when the status does not allow the change. */
export function changeStatus(user: User, change: StatusChange, now: number): UserChange {
  const { from, to } = statusChanges[change];
  if (!from.includes(user.status)) {
    throw new UserStatusConflict({ user_id: user.userId, status: user.status });
  }
  return changed({ ...user, status: to }, ['status'], now);
}

export function changePassword(user: User, now: number): UserChange {
  return changed(user, ['password'], now);
}

export function changeAddresses(user: User, now: number): UserChange {
  return changed(user, ['addresses'], now);
}

export function setRoles(user: User, roles: readonly Role[], now: number): UserChange {
  return changed({ ...user, roles }, ['roles'], now);
}

/** Whether the tokens of the person before name a role that is theirs no longer. */
export function losesRole(before: User, after: User): boolean {
  return before.roles.some((role) => !after.roles.includes(role));
}

/** Whether somebody who could do the work of the staff no longer can. */
export function leavesStaff(before: User, after: User): boolean {
  return isActiveStaff(before) && !isActiveStaff(after);
}

function isActiveStaff({ status, roles }: User): boolean {
  return status === 'ACTIVE' && roles.includes('STAFF');
}

export interface Profile {
  name: string;
  phone: string;
}

/** Takes over the fields that the mask names. Throws FieldsInvalid. */
export function updateProfile(
  user: User,
  next: Profile,
  mask: readonly string[],
  now: number,
): UserChange {
  const unknown = mask.filter((path) => path !== 'name' && path !== 'phone');
  if (unknown.length > 0 || mask.length === 0) {
    const description = 'must name at least one of: name, phone';
    throw new FieldsInvalid([{ field: 'update_mask', description }]);
  }
  if (mask.includes('name') && next.name === '') {
    throw new FieldsInvalid([{ field: 'name', description: 'must not be empty' }]);
  }
  const name = mask.includes('name') ? next.name : user.name;
  const phone = mask.includes('phone') ? next.phone : user.phone;
  return changed({ ...user, name, phone }, [...new Set(mask)], now);
}

/** One person has one address, however they type it. The contract admits ASCII only. */
export function normalizeEmail(email: string): string {
  return email.trim().toLowerCase();
}

/** Throws PasswordTooWeak for what an attacker tries first. The contract has seen to the length. */
export function checkPassword({ password, email }: { password: string; email: string }): void {
  const plain = password.trim().toLowerCase();
  if (commonPasswords.has(plain)) throw new PasswordTooWeak({ rule: 'COMMON' });
  if (plain === email || plain === email.slice(0, email.indexOf('@'))) {
    throw new PasswordTooWeak({ rule: 'EQUALS_EMAIL' });
  }
}

export interface PostalAddress {
  readonly recipient: string;
  readonly lines: readonly string[];
  readonly city: string;
  readonly region: string;
  readonly postalCode: string;
  readonly countryCode: string;
}

export interface Address {
  readonly addressId: string;
  readonly label: string;
  readonly postalAddress: PostalAddress;
  readonly createdAt: number;
}

/** Throws TooManyAddresses when the book has no room for one more. */
export function checkRoom(addressCount: number): void {
  const limit = limits.addressesPerUserMax;
  if (addressCount >= limit) throw new TooManyAddresses({ limit: String(limit) });
}
