import { errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose';
import { limits } from '../limits.ts';
import { CredentialsExpired, CredentialsInvalid, SessionRevoked } from '../mesh-errors.ts';
import { createRecent } from '../recent.ts';
import type { User } from './caller.ts';
import { createKeySource, type KnownKeys } from './key-source.ts';

/** Issuer and audience of the access tokens of a mesh, and how they are signed. */
export const accessTokenRules = {
  issuer: 'meshwork',
  audience: 'meshwork',
  algorithm: 'EdDSA',
} as const;

/** Sessions whose tokens no longer count, although they have not expired. */
export interface Revocations {
  isRevoked(user: User): boolean;
}

/** Tells whose an access token is. One that it has seen is answered at once, without a promise. */
export interface AccessTokenVerifier {
  /** The person that a token names. Throws CredentialsInvalid, CredentialsExpired or SessionRevoked. */
  verify(token: string): User | Promise<User>;
}

interface Known {
  user: User;
  expiresAt: number;
}

/**
 * Checks access tokens: JWTs signed with Ed25519 by the service that issues them, whose public keys `loadKeys` fetches (a
 * JWKS). A token that was good is remembered until it expires; revocation is asked each time.
 */
export function createAccessTokenVerifier(options: {
  loadKeys: () => Promise<JSONWebKeySet>;
  revocations: Revocations;
  /** Milliseconds since the epoch. */
  now?: () => number;
}): AccessTokenVerifier {
  const { loadKeys, revocations, now = Date.now } = options;
  const known = createRecent<Known>(limits.accessTokensKnownMax);
  const source = createKeySource(loadKeys, now);

  function checkWith({ find }: KnownKeys, token: string): Promise<JWTPayload> {
    const rules = {
      issuer: accessTokenRules.issuer,
      audience: accessTokenRules.audience,
      algorithms: [accessTokenRules.algorithm],
      requiredClaims: ['sub', 'sid', 'exp', 'iat'],
      currentDate: new Date(now()),
    };
    return jwtVerify(token, find, rules).then(({ payload }) => payload);
  }

  async function check(token: string): Promise<JWTPayload> {
    const keys = await source.keys();
    try {
      return await checkWith(keys, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      // The keys may have been rotated since they were fetched.
      const newer = await source.newerThan(keys);
      if (newer === undefined) throw error;
      return checkWith(newer, token);
    }
  }

  function admit(found: Known): User {
    if (found.expiresAt <= now()) throw new CredentialsExpired();
    if (revocations.isRevoked(found.user)) throw new SessionRevoked();
    return found.user;
  }

  return {
    verify(token) {
      const found = known.get(token);
      if (found !== undefined) return admit(found);
      return check(token).then(
        (payload) => {
          const fresh = toKnown(payload);
          known.set(token, fresh);
          return admit(fresh);
        },
        (error) => {
          if (error instanceof errors.JWTExpired) throw new CredentialsExpired();
          if (error instanceof errors.JOSEError) throw new CredentialsInvalid();
          throw error;
        },
      );
    },
  };
}

function toKnown(payload: JWTPayload): Known {
  const roles = Array.isArray(payload.roles) ? payload.roles.map(String) : [];
  return {
    user: {
      id: payload.sub!,
      roles,
      sessionId: String(payload.sid),
      issuedAt: payload.iat! * 1000,
    },
    expiresAt: payload.exp! * 1000,
  };
}
