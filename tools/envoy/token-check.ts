import { accessTokenRules } from '#kit/identity/access-token.ts';
import { keysCluster } from './clusters.ts';

const provider = 'meshwork';
const tokenIfAny = 'a token that we signed, or none';
const keysTimeout = '2s';
/** Half of the time for which a key is published before it signs. */
const keysCache = '30s';
/** The largest that Envoy takes, 136 years: whether a token's time is over, the service alone says. */
const clockSkewSeconds = 2 ** 32 - 1;

/**
 * Refuses tokens that nobody here signed, so that a flood of forged ones ends at Envoy and costs the services nothing.
 * All else is theirs to judge, for they hold the whole policy and verify each token themselves: one that is missing where
 * it is needed, expired or revoked. A bad token is refused on every method, as by the kit.
 */
export function tokenCheck(methods: readonly { path: string }[]): object {
  return {
    '@type': 'type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication',
    providers: {
      [provider]: {
        issuer: accessTokenRules.issuer,
        audiences: [accessTokenRules.audience],
        forward: true,
        clock_skew_seconds: clockSkewSeconds,
        // Not from the query as well, where the services do not look.
        from_headers: [{ name: 'authorization', value_prefix: 'Bearer ' }],
        remote_jwks: {
          http_uri: {
            uri: 'http://gateway/.well-known/jwks.json',
            cluster: keysCluster,
            timeout: keysTimeout,
          },
          cache_duration: keysCache,
          // Old keys go on being used while new ones cannot be had.
          async_fetch: {},
        },
      },
    },
    requirement_map: {
      [tokenIfAny]: {
        requires_any: { requirements: [{ provider_name: provider }, { allow_missing: {} }] },
      },
    },
    rules: methods.map(({ path }) => ({ match: { path }, requirement_name: tokenIfAny })),
    bypass_cors_preflight: true,
    // Without www-authenticate, which the kit does not send either.
    strip_failure_response: true,
  };
}
