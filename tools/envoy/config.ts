/** The Envoy configuration that the contract implies: which methods go where, and who must be signed in for them. */
import { accessTokenRules } from '#kit/identity/access-token.ts';
import { pathOf, policiesOf } from '#kit/rpc/policy.ts';
import { serviceContracts } from '#services/contracts.ts';

export interface EnvoyOptions {
  /** Where Envoy listens. */
  port: number;
  adminPort: number;
  /** "host:port" of a service. */
  addressOf(service: string): string;
  /** Whether the hosts are IP addresses; names are looked up again and again. */
  isStatic: boolean;
  /** Origins that browsers may call from: a regular expression (RE2). */
  corsOriginRegex: string;
}

/** Waits of Envoy itself; what a method may take is in its own deadline. */
const connectTimeout = '1s';
const jwksTimeout = '2s';
const jwksCache = '60s';
/** Added to a method's deadline: the service ends a call first, and says why. */
const routeGraceMs = 500;
const maxAgeSeconds = '7200';

const gateway = 'platform.gateway';
const jwtProvider = 'meshwork';
const filterType = (name: string) => `type.googleapis.com/envoy.extensions.filters.http.${name}`;

interface PublicMethod {
  path: string;
  service: string;
  isOpen: boolean;
  isStream: boolean;
  deadlineMs: number;
}

/** Methods that a person may call; what is internal has no route. */
function publicMethods(): PublicMethod[] {
  return serviceContracts.flatMap(({ name, contracts }) =>
    contracts.flatMap((contract) =>
      policiesOf(contract)
        .filter(([, policy]) => policy.audience !== 'internal')
        .map(([method, policy]) => ({
          path: pathOf(method),
          service: name,
          isOpen: policy.audience === 'public',
          isStream: method.methodKind !== 'unary',
          deadlineMs: policy.deadlineMs,
        })),
    ),
  );
}

/** The whole configuration, as Envoy reads it from JSON or YAML. */
export function envoyConfig(options: EnvoyOptions): object {
  const methods = publicMethods();
  const services = [...new Set([...methods.map(({ service }) => service), gateway])];
  return {
    admin: { address: socketAddress('127.0.0.1', options.adminPort) },
    static_resources: {
      listeners: [listener(options, methods)],
      clusters: services.map((service) => cluster(service, options)),
    },
  };
}

function listener(options: EnvoyOptions, methods: readonly PublicMethod[]): object {
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

function connectionManager(options: EnvoyOptions, methods: readonly PublicMethod[]): object {
  return {
    '@type':
      'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'public',
    codec_type: 'AUTO',
    http2_protocol_options: { max_concurrent_streams: 1000 },
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
      { name: 'envoy.filters.http.jwt_authn', typed_config: jwtAuthentication(methods) },
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': filterType('router.v3.Router') },
      },
    ],
  };
}

function virtualHost(options: EnvoyOptions, methods: readonly PublicMethod[]): object {
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
        max_age: maxAgeSeconds,
      },
    },
    routes: [
      ...methods.map(({ path, service, isStream, deadlineMs }) => ({
        match: { path },
        route: {
          cluster: service,
          timeout: `${(deadlineMs + routeGraceMs) / 1000}s`,
          max_stream_duration: { grpc_timeout_header_max: `${deadlineMs / 1000}s` },
          ...(isStream ? { idle_timeout: '0s' } : {}),
        },
      })),
      // The keys by which anybody can check our tokens.
      { match: { path: '/.well-known/jwks.json' }, route: { cluster: `${gateway}.http` } },
    ],
  };
}

function jwtAuthentication(methods: readonly PublicMethod[]): object {
  return {
    '@type': filterType('jwt_authn.v3.JwtAuthentication'),
    providers: {
      [jwtProvider]: {
        issuer: accessTokenRules.issuer,
        audiences: [accessTokenRules.audience],
        // The service checks the token once more, and against revocation.
        forward: true,
        remote_jwks: {
          http_uri: {
            uri: 'http://gateway/.well-known/jwks.json',
            cluster: `${gateway}.http`,
            timeout: jwksTimeout,
          },
          cache_duration: { seconds: Number.parseInt(jwksCache, 10) },
        },
      },
    },
    rules: methods
      .filter(({ isOpen }) => !isOpen)
      .map(({ path }) => ({ match: { path }, requires: { provider_name: jwtProvider } })),
    bypass_cors_preflight: true,
  };
}

function cluster(service: string, options: EnvoyOptions): object {
  const [host = '', port = ''] = options.addressOf(service).split(':');
  // The gateway is asked for the keys only, over HTTP/1.1; all others speak gRPC.
  const isHttp = service === gateway;
  return {
    name: isHttp ? `${gateway}.http` : service,
    connect_timeout: connectTimeout,
    type: options.isStatic ? 'STATIC' : 'STRICT_DNS',
    lb_policy: 'LEAST_REQUEST',
    ...(isHttp ? {} : http2Options()),
    load_assignment: {
      cluster_name: service,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(host, Number(port)) } }] }],
    },
  };
}

function http2Options(): object {
  return {
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
    health_checks: [
      {
        timeout: '1s',
        interval: '2s',
        unhealthy_threshold: 2,
        healthy_threshold: 1,
        grpc_health_check: {},
      },
    ],
  };
}

function socketAddress(address: string, port: number): object {
  return { socket_address: { address, port_value: port } };
}
