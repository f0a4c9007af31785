/** A stand-in for the issuer of access tokens: people without sign-up, for load that the limits on sign-up forbid. */
import { KeyService } from '#gen/platform/identity/v1/identity_pb.ts';
import { createIdentityVerifier } from '#kit/identity/verifier.ts';
import { createLocalRateLimiter } from '#kit/load/rate-limit.ts';
import { CallerNotAllowed } from '#kit/mesh-errors.ts';
import { grpcJsEngine } from '#kit/rpc/grpc-js/engine.ts';
import { implement } from '#kit/rpc/server/handlers.ts';
import { createLoadGauge } from '#kit/rpc/server/interceptors/load-shedding.ts';
import { createServer } from '#kit/rpc/server/server.ts';
import { createLogger } from '#kit/telemetry/log.ts';
import { createPeople, type Person } from '#kit/testing/people.ts';

export interface Issuer {
  /** A new person, with the headers of their calls. */
  person(roles: readonly string[]): Promise<Person>;
  stop(): Promise<void>;
}

/** Serves its keys where the mesh looks for those of platform.user, which then must not run. */
export async function startIssuer(address: string): Promise<Issuer> {
  const people = await createPeople('stand-in', '10m');
  const server = createServer({
    name: 'platform.user',
    implementations: [
      implement(KeyService, {
        getJwks: () => ({ jwksJson: JSON.stringify({ keys: [people.key] }) }),
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
    person: (roles) => people.create({ roles }),
    stop: () => server.drain(),
  };
}
