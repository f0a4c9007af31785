import { SignJWT } from 'jose';
import { accessTokenRules } from '#kit/identity/access-token.ts';
import { accessExpiry } from './domain/sessions.ts';
import type { User } from './domain.ts';
import type { Signer } from './keyring.ts';

export interface AccessToken {
  token: string;
  /** Milliseconds since the epoch. */
  expiresAt: number;
}

/** Makes the token by which every service knows a person, with the claims that kit/identity/access-token.ts checks. */
export async function signAccessToken(
  signer: Signer,
  user: User,
  session: { sessionId: string; expiresAt: number },
  now: number,
): Promise<AccessToken> {
  // Whole seconds, as the claim has them: nobody is promised more than the token says.
  const expiresInSeconds = Math.floor(accessExpiry(session, now) / 1000);
  const token = await new SignJWT({
    sid: session.sessionId,
    roles: user.roles.map((role) => role.toLowerCase()),
  })
    .setProtectedHeader({ alg: accessTokenRules.algorithm, kid: signer.keyId })
    .setSubject(user.userId)
    .setIssuer(accessTokenRules.issuer)
    .setAudience(accessTokenRules.audience)
    .setIssuedAt(Math.floor(now / 1000))
    .setExpirationTime(expiresInSeconds)
    .sign(signer.privateKey);
  return { token, expiresAt: expiresInSeconds * 1000 };
}
