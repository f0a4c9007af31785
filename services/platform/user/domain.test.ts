import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ErrorReasonSchema } from '#gen/platform/user/v1/user_pb.ts';
import { DomainError } from '#kit/errors.ts';
import {
  isRotationDue,
  type KeyTimes,
  nextKeyOf,
  retiredKeys,
  signingKeyOf,
} from './domain/keys.ts';
import {
  type AttemptWindow,
  accessExpiry,
  countAttempt,
  decideRefresh,
  type Session,
  sessionExpiry,
  sessionsToEnd,
} from './domain/sessions.ts';
import * as domain from './domain.ts';
import {
  changeStatus,
  checkPassword,
  limits,
  losesRole,
  normalizeEmail,
  type StatusChange,
  setRoles,
  type User,
  type UserStatus,
  updateProfile,
} from './domain.ts';

const ada: User = {
  userId: 'ada',
  email: 'ada@example.com',
  name: 'Ada',
  phone: '',
  roles: ['CUSTOMER'],
  status: 'ACTIVE',
  version: 1n,
  createdAt: 0,
  updatedAt: 0,
};

test('every reason of the contract has its error, and the other way round', () => {
  const made = Object.values(domain)
    .filter((value) => typeof value === 'function' && value.prototype instanceof DomainError)
    .map((value) => new (value as new (metadata: object) => DomainError)({}).reason);
  const declared = ErrorReasonSchema.values
    .filter(({ number }) => number !== 0)
    .map(({ name }) => name.replace('ERROR_REASON_', ''));
  expect(made.sort()).toEqual(declared.sort());
});

describe('a person', () => {
  test('goes from status to status by the table and no other way', () => {
    const table: Record<StatusChange, Record<UserStatus, UserStatus | 'refused'>> = {
      suspend: { ACTIVE: 'SUSPENDED', INACTIVE: 'SUSPENDED', SUSPENDED: 'refused' },
      reinstate: { ACTIVE: 'refused', INACTIVE: 'ACTIVE', SUSPENDED: 'ACTIVE' },
      deactivate: { ACTIVE: 'INACTIVE', INACTIVE: 'refused', SUSPENDED: 'refused' },
    };
    for (const [change, row] of Object.entries(table)) {
      for (const [from, to] of Object.entries(row)) {
        const user = { ...ada, status: from as UserStatus };
        const go = () => changeStatus(user, change as StatusChange, 5);
        if (to === 'refused') expect(go).toThrow('user status conflict');
        else expect(go().user).toMatchObject({ status: to, version: 2n, updatedAt: 5 });
      }
    }
  });

  test('takes over exactly what the mask names', () => {
    const next = { name: 'Ada L.', phone: '+4930123456' };
    expect(updateProfile(ada, next, ['phone'], 1).user).toMatchObject({ ...next, name: 'Ada' });
    expect(updateProfile(ada, next, ['name', 'phone', 'name'], 1)).toMatchObject({
      user: next,
      fields: ['name', 'phone'],
    });
    expect(() => updateProfile(ada, next, ['name', 'status'], 1)).toThrow('field invalid');
  });

  test('loses a role when one of the old ones is missing, and gains others freely', () => {
    const both = setRoles(ada, ['CUSTOMER', 'STAFF'], 1).user;
    expect([losesRole(ada, both), losesRole(both, ada), losesRole(ada, ada)]).toEqual([
      false,
      true,
      false,
    ]);
  });

  test('has one address, however it is typed, and no password that comes from it', () => {
    expect(normalizeEmail(' Ada@Example.COM ')).toBe('ada@example.com');
    const email = 'ada@example.com';
    for (const weak of [email, 'ADA@example.com', 'ada', 'PassWord1', ' qwerty123 ']) {
      expect(() => checkPassword({ password: weak, email })).toThrow('password too weak');
    }
    expect(() => checkPassword({ password: 'analytical engine', email })).not.toThrow();
  });
});

describe('attempts', () => {
  test('are never more than the limit in one period, whenever they come', () => {
    const gaps = fc.array(fc.integer({ min: 0, max: limits.lockoutMs / 4 }), { maxLength: 200 });
    fc.assert(
      fc.property(gaps, (pauses) => {
        let window: AttemptWindow | undefined;
        let now = 0;
        const admitted = new Map<number, number>();
        for (const pause of pauses) {
          now += pause;
          try {
            window = countAttempt(window, now);
          } catch {
            continue;
          }
          admitted.set(window.startedAt, (admitted.get(window.startedAt) ?? 0) + 1);
        }
        for (const count of admitted.values()) expect(count <= limits.attemptsMax).toBe(true);
        const starts = [...admitted.keys()];
        starts.slice(1).forEach((start, i) => {
          expect(start - starts[i]! >= limits.lockoutMs).toBe(true);
        });
      }),
    );
  });

  test('say how long the lock-out still lasts', () => {
    const full = { attempts: limits.attemptsMax, startedAt: 1_000 };
    const locked = () => countAttempt(full, 1_000 + limits.lockoutMs - 1);
    expect(locked).toThrow('retry_after_ms: 1)');
    expect(countAttempt(full, 1_000 + limits.lockoutMs).attempts).toBe(1);
  });
});

describe('a session', () => {
  const session: Session = {
    sessionId: 's',
    userId: 'ada',
    deviceName: '',
    startedAt: 0,
    usedAt: 0,
    expiresAt: 1_000_000,
    isEnded: false,
    tokenDigest: 'new',
    previous: { tokenDigest: 'old', requestId: 'r', rotatedAt: 0, answer: new Uint8Array([1]) },
  };
  const token = { digest: 'old', isGenuine: true, requestId: 'r' };

  test('gives the last answer again to the same request only, for a while only', () => {
    expect(decideRefresh(session, token, 1).verdict).toBe('replay');
    expect(decideRefresh(session, { ...token, requestId: 'other' }, 1).verdict).toBe('reuse');
    expect(decideRefresh(session, token, limits.refreshReplayMsMax).verdict).toBe('reuse');
    const swept = { ...session, previous: { ...session.previous!, answer: undefined } };
    expect(decideRefresh(swept, token, 1).verdict).toBe('reuse');
  });

  test('is ended by genuine tokens that are old, not by made-up ones, nor when it is over', () => {
    expect(decideRefresh(session, { ...token, digest: 'older' }, 1).verdict).toBe('reuse');
    const forged = { digest: 'older', isGenuine: false, requestId: 'r' };
    expect(() => decideRefresh(session, forged, 1)).toThrow('refresh token invalid');
    const good = { ...token, digest: 'new' };
    expect(decideRefresh(session, good, 1).verdict).toBe('rotate');
    expect(() => decideRefresh({ ...session, isEnded: true }, good, 1)).toThrow();
    expect(() => decideRefresh(session, good, session.expiresAt)).toThrow();
  });

  test('outlives its access tokens, and ends after its longest life', () => {
    expect(accessExpiry({ expiresAt: 5 }, 0)).toBe(5);
    expect(accessExpiry({ expiresAt: limits.sessionMsMax }, 0)).toBe(limits.accessTokenMs);
    const usedAt = limits.sessionMsMax - 1;
    expect(sessionExpiry({ startedAt: 0, usedAt })).toBe(limits.sessionMsMax);
  });

  test('makes room for a new one when it was not used for longest', () => {
    const open = Array.from({ length: limits.sessionsPerUserMax + 2 }, (_, i) => ({ usedAt: i }));
    expect(sessionsToEnd(open).map(({ usedAt }) => usedAt)).toEqual([2, 1, 0]);
    expect(sessionsToEnd(open.slice(0, limits.sessionsPerUserMax - 1))).toEqual([]);
  });
});

describe('signing keys', () => {
  const rotation = fc.array(
    fc.integer({ min: limits.keyPublishMs, max: 5 * limits.accessTokenMs }),
    {
      minLength: 1,
      maxLength: 8,
    },
  );

  test('are published before they sign, until their last token has expired, at every moment', () => {
    fc.assert(
      fc.property(rotation, fc.nat({ max: 40 * limits.accessTokenMs }), (pauses, now) => {
        let signsFrom = 0;
        const keys: KeyTimes[] = pauses.map((pause) => {
          signsFrom += pause;
          return { publishedAt: signsFrom - limits.keyPublishMs, signsFrom };
        });
        const known = keys.filter(({ publishedAt }) => publishedAt <= now);
        const retired = retiredKeys(known, now);
        for (const key of retired) {
          const heir = keys.find((other) => other.signsFrom > key.signsFrom)!;
          expect(heir.signsFrom + limits.accessTokenMs < now).toBe(true);
        }
        const signer = signingKeyOf(known, now);
        if (signer !== undefined) expect(retired.includes(signer)).toBe(false);
        const next = nextKeyOf(known, now);
        if (next !== undefined) expect(next.signsFrom > now).toBe(true);
      }),
    );
  });

  test('are due when there is none, or when the newest is old', () => {
    const key = { publishedAt: 0, signsFrom: 0 };
    expect(isRotationDue([], 0)).toBe(true);
    expect(isRotationDue([key], limits.keySignMsMax - 1)).toBe(false);
    expect(isRotationDue([key], limits.keySignMsMax)).toBe(true);
  });
});
