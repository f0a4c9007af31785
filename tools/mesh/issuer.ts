/** A stand-in for the issuer of access tokens: people without sign-up, for load that the limits on sign-up forbid. */
import { generateKeyPairSync } from 'node:crypto';
import { exportJWK, SignJWT } from 'jose';
import { KeyService } from '#gen/platform/identity/v1/identity_pb.ts';
import { accessTokenRules } from '#kit/identity/access-token.ts';
import { createIdentityVerifier } from '#kit/identity/verifier.ts';
import { uuidv7 } from '#kit/ids.ts';
import { CallerNotAllowed } from '#kit/mesh-errors.ts';
import { createLocalRateLimiter } from '#kit/rate-limit.ts';
import { grpcJsEngine } from '#kit/rpc/grpc-js/engine.ts';
import { implement } from '#kit/rpc/handlers.ts';
import { createLoadGauge } from '#kit/rpc/interceptors/load-shedding.ts';
import { createServer } from '#kit/rpc/server.ts';
import { createLogger } from '#kit/telemetry/log.ts';

export interface Issuer {
  /** The `authorization` header of a new person. */
  person(roles: readonly string[]): Promise<string>;
  stop(): Promise<void>;
}

const keyId = 'stand-in';

/** Serves its keys where the mesh looks for those of platform.user, which then must not run. */
export async function startIssuer(address: string): Promise<Issuer> {
  const keys = generateKeyPairSync('ed25519');
  const jwk = { ...(await exportJWK(keys.publicKey)), kid: keyId, alg: accessTokenRules.algorithm };
  const server = createServer({
    name: 'platform.user',
    implementations: [
      implement(KeyService, {
        getJwks: () => ({ jwksJson: JSON.stringify({ keys: [jwk] }) }),
        rotateSigningKey() {
          throw new CallerNotAllowed();
        },
      }),
    ],
    identity: createIdentityVerifier({ serviceTokens: undefined, accessTokens: undefined }),
    rateLimiter: createLocalRateLimiter(),
    load: createLoadGauge(),
    log: createLogger('issuer', { level: 'silent' }),
  });
  server.health.set(true);
  await server.listen(address, grpcJsEngine);
  return {
    async person(roles) {
      const token = await new SignJWT({ sid: uuidv7(), roles })
        .setProtectedHeader({ alg: accessTokenRules.algorithm, kid: keyId })
        .setSubject(uuidv7())
        .setIssuer(accessTokenRules.issuer)
        .setAudience(accessTokenRules.audience)
        .setIssuedAt()
        .setExpirationTime('10m')
        .sign(keys.privateKey);
      return `Bearer ${token}`;
    },
    stop: () => server.drain(),
  };
}
