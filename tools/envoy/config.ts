/** The Envoy configuration that the contract implies: which methods go where, and what is refused on the way. */
import { pathOf, policiesOf } from '#kit/rpc/policy.ts';
import { serviceContracts } from '#services/contracts.ts';
import { isPublic } from '#services/platform/gateway/forward.ts';
import { clusterOf, gateway, keysCluster, socketAddress, type Upstreams } from './clusters.ts';
import { localReplies } from './local-replies.ts';
import { tokenCheck } from './token-check.ts';

export interface EnvoyOptions extends Upstreams {
  /** Where Envoy listens. */
  port: number;
  adminPort: number;
  /** Origins that browsers may call from: a regular expression (RE2). */
  corsOriginRegex: string;
}

/** Added to a method's deadline: the service ends a call first, and says why. */
const routeGraceMs = 500;
/** For which a browser need not ask again what it may send. */
const corsMaxAgeSeconds = '7200';

const filterType = (name: string) => `type.googleapis.com/envoy.extensions.filters.http.${name}`;

/** The whole configuration, as Envoy reads it from JSON or YAML. */
export function envoyConfig(options: EnvoyOptions): object {
  const methods = methodsOfDoor();
  const services = [...new Set([...methods.map(({ service }) => service), gateway])];
  return {
    // Envoy follows files for nobody without a name.
    node: { id: 'envoy', cluster: 'meshwork' },
    admin: { address: socketAddress('127.0.0.1', options.adminPort) },
    static_resources: {
      listeners: [listener(options, methods)],
      clusters: services.map((service) => clusterOf(service, options)),
    },
  };
}

interface Method {
  path: string;
  service: string;
  isInternal: boolean;
  isStream: boolean;
  deadlineMs: number;
}

/** The methods of every contract that has a place at the public door. */
function methodsOfDoor(): Method[] {
  return serviceContracts.flatMap(({ name, contracts }) =>
    contracts.filter(isPublic).flatMap((contract) =>
      policiesOf(contract).map(([method, policy]) => ({
        path: pathOf(method),
        service: name,
        isInternal: policy.audience === 'internal',
        isStream: method.methodKind !== 'unary',
        deadlineMs: policy.deadlineMs,
      })),
    ),
  );
}

function listener(options: EnvoyOptions, methods: readonly Method[]): object {
  return {
    name: 'public',
    address: socketAddress('0.0.0.0', options.port),
    filter_chains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.http_connection_manager',
            typed_config: connectionManager(options, methods),
          },
        ],
      },
    ],
  };
}

function connectionManager(options: EnvoyOptions, methods: readonly Method[]): object {
  return {
    '@type':
      'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'public',
    codec_type: 'AUTO',
    // Who calls is at the other end of the connection. Behind a balancer of one's own: xff_num_trusted_hops, the number of
    // proxies before this one.
    use_remote_address: true,
    xff_num_trusted_hops: 0,
    http2_protocol_options: { max_concurrent_streams: 1000 },
    local_reply_config: { mappers: localReplies() },
    // What only the mesh may say about itself must not come from outside.
    route_config: {
      name: 'public',
      request_headers_to_remove: ['x-meshwork-service'],
      virtual_hosts: [virtualHost(options, methods)],
    },
    http_filters: [
      { name: 'envoy.filters.http.cors', typed_config: { '@type': filterType('cors.v3.Cors') } },
      {
        name: 'envoy.filters.http.grpc_web',
        typed_config: { '@type': filterType('grpc_web.v3.GrpcWeb') },
      },
      { name: 'envoy.filters.http.jwt_authn', typed_config: tokenCheck(methods) },
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': filterType('router.v3.Router') },
      },
    ],
  };
}

function virtualHost(options: EnvoyOptions, methods: readonly Method[]): object {
  const allowHeaders =
    'content-type,authorization,traceparent,grpc-timeout,x-grpc-web,x-user-agent,connect-protocol-version,connect-timeout-ms';
  return {
    name: 'public',
    domains: ['*'],
    typed_per_filter_config: {
      'envoy.filters.http.cors': {
        '@type': filterType('cors.v3.CorsPolicy'),
        allow_origin_string_match: [{ safe_regex: { regex: options.corsOriginRegex } }],
        allow_methods: 'POST,GET,OPTIONS',
        allow_headers: allowHeaders,
        expose_headers: 'grpc-status,grpc-message,grpc-status-details-bin',
        max_age: corsMaxAgeSeconds,
      },
    },
    routes: [
      ...methods.map(routeOf),
      // The keys by which anybody can check our tokens.
      { match: { path: '/.well-known/jwks.json' }, route: { cluster: keysCluster } },
    ],
  };
}

/**
 * What is internal has no way in, with whatever token: to pass it on for its refusal would be one. So here, unlike
 * at the gateway, a genuine token that is expired or revoked is not what the refusal speaks of.
 */
function routeOf({ path, service, isInternal, isStream, deadlineMs }: Method): object {
  if (isInternal) return { match: { path }, direct_response: { status: 403 } };
  return {
    match: { path },
    route: {
      cluster: service,
      timeout: `${(deadlineMs + routeGraceMs) / 1000}s`,
      max_stream_duration: { grpc_timeout_header_max: `${deadlineMs / 1000}s` },
      ...(isStream ? { idle_timeout: '0s' } : {}),
    },
  };
}
