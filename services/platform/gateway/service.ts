import type { DescService } from '@bufbuild/protobuf';
import { KeyService } from '#gen/platform/identity/v1/identity_pb.ts';
import { createRedisRateLimiter } from '#kit/cache/redis-rate-limit.ts';
import type { ServiceModule } from '#kit/service.ts';
import { forwardTo, isPublic } from './forward.ts';

/** A service behind the door: its name, and what it implements. */
export interface Upstream {
  name: string;
  contracts: readonly DescService[];
}

/** The gateway to the given services. It stores nothing. */
export function createGateway(upstreams: readonly Upstream[]): ServiceModule {
  return {
    name: 'platform.gateway',
    async create({ client, redis, bus, settings }) {
      const implementations = upstreams.flatMap(({ name, contracts }) =>
        contracts
          .filter(isPublic)
          .map((service) => forwardTo(service, client(service, name, { forwardsUser: true }))),
      );
      const issuer = client(KeyService, 'platform.user');
      const keys = async () => (await issuer.getJwks({})).jwksJson;
      return {
        implementations,
        edge: {
          cors: { origins: (settings.CORS_ORIGINS ?? '').split(',').filter(Boolean) },
          routes: { '/.well-known/jwks.json': async () => ({ status: 200, body: await keys() }) },
          rateLimiter: createRedisRateLimiter(await redis(), `${bus.namespace}:rate`),
        },
      };
    },
  };
}
