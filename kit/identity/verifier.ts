import { CredentialsInvalid } from '../mesh-errors.ts';
import type { AccessTokenVerifier } from './access-token.ts';
import { serviceOfSpiffeId, type User } from './caller.ts';
import type { ServiceTokenVerifier } from './service-token.ts';

/** Finds out who calls from what a call carries. Throws CredentialsInvalid and its like for bad credentials. */
export interface IdentityVerifier {
  /** `peerNames` are the URIs of a verified certificate, or who calls within this process; they win over a token. */
  service(peerNames: readonly string[], token: string | undefined): string | undefined;
  /** Takes the whole `authorization` header. Synchronous when the token was seen before. */
  user(authorization: string): User | Promise<User>;
}

/**
 * Joins the ways to prove who one is: certificates, service tokens and access tokens. What is left undefined is not
 * accepted: a credential of that kind is CredentialsInvalid. A service is named by one certificate or by one token, and
 * a certificate that names several is nobody's. Source: SPIFFE X.509-SVID, section 2.
 */
export function createIdentityVerifier(options: {
  serviceTokens: ServiceTokenVerifier | undefined;
  accessTokens: AccessTokenVerifier | undefined;
}): IdentityVerifier {
  const { serviceTokens, accessTokens } = options;
  return {
    service(peerNames, token) {
      if (token !== undefined && serviceTokens === undefined) throw new CredentialsInvalid();
      let named: string | undefined;
      for (const name of peerNames) {
        const service = serviceOfSpiffeId(name);
        if (service !== undefined && named !== undefined) throw new CredentialsInvalid();
        named ??= service;
      }
      if (named !== undefined || token === undefined) return named;
      return serviceTokens?.verify(token);
    },
    user(authorization) {
      if (accessTokens === undefined || !/^bearer /i.test(authorization))
        throw new CredentialsInvalid();
      return accessTokens.verify(authorization.slice('bearer '.length));
    },
  };
}
