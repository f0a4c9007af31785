import { generateKeyPairSync } from 'node:crypto';
import { exportJWK, type JWK, SignJWT } from 'jose';
import { accessTokenRules } from '../identity/access-token.ts';
import { uuidv7 } from '../ids.ts';

/** A person for tests. */
export interface Person {
  id: string;
  roles: readonly string[];
  headers: { authorization: string };
}

/** Makes up people who are signed in, in the place of the service that issues access tokens. */
export interface People {
  /** With which their tokens are checked. */
  readonly key: JWK;
  create(options?: { id?: string; roles?: readonly string[] }): Promise<Person>;
}

/** `tokensLast` is a time span as jose reads it: "10m". */
export async function createPeople(keyId: string, tokensLast: string): Promise<People> {
  const keys = generateKeyPairSync('ed25519');
  const alg = accessTokenRules.algorithm;
  return {
    key: { ...(await exportJWK(keys.publicKey)), kid: keyId, alg },
    async create({ id = uuidv7(), roles = ['customer'] } = {}) {
      const token = await new SignJWT({ sid: uuidv7(), roles })
        .setProtectedHeader({ alg, kid: keyId })
        .setSubject(id)
        .setIssuer(accessTokenRules.issuer)
        .setAudience(accessTokenRules.audience)
        .setIssuedAt()
        .setExpirationTime(tokensLast)
        .sign(keys.privateKey);
      return { id, roles, headers: { authorization: `Bearer ${token}` } };
    },
  };
}
