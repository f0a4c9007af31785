import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { limits } from '../limits.ts';
import { CredentialsExpired, CredentialsInvalid } from '../mesh-errors.ts';
import { createRecent } from '../recent.ts';

/**
 * A service token says "I am service X" and is signed with a key that only the one who started the mesh holds: the stand-in
 * for client certificates on one machine. "<service>:<expiry in ms>:<Ed25519 signature, base64url>".
 */
export function signServiceToken(service: string, expiresAt: number, key: KeyObject): string {
  const claims = `${service}:${expiresAt}`;
  return `${claims}:${sign(null, Buffer.from(claims), key).toString('base64url')}`;
}

/** Tells which service a token speaks for. */
export interface ServiceTokenVerifier {
  /** The service that a token names. Throws CredentialsInvalid or CredentialsExpired. */
  verify(token: string): string;
}

/** Checks service tokens; a token that was good is remembered, so a call pays one look-up. */
export function createServiceTokenVerifier(publicKeyPem: string): ServiceTokenVerifier {
  const key = createPublicKey(publicKeyPem);
  const known = createRecent<{ service: string; expiresAt: number }>(limits.serviceTokensKnownMax);
  return {
    verify(token) {
      let claims = known.get(token);
      if (claims === undefined) {
        claims = read(token, key);
        known.set(token, claims);
      }
      if (!(claims.expiresAt > Date.now())) throw new CredentialsExpired();
      return claims.service;
    },
  };
}

function read(token: string, key: KeyObject): { service: string; expiresAt: number } {
  const [service = '', expiry = '', signature = ''] = token.split(':');
  const claims = Buffer.from(`${service}:${expiry}`);
  if (!verify(null, claims, key, Buffer.from(signature, 'base64url')))
    throw new CredentialsInvalid();
  return { service, expiresAt: Number(expiry) };
}
