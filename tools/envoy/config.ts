/**
 * The Envoy configuration that the contract implies: which methods go where, and what is refused on the way, in
 * the words that the gateway has for it.
 */
import { codes, type DomainError } from '#kit/errors.ts';
import { accessTokenRules } from '#kit/identity/access-token.ts';
import { CallerNotAllowed, CredentialsInvalid } from '#kit/mesh-errors.ts';
import { pathOf, policiesOf } from '#kit/rpc/policy.ts';
import { replyOfStatus, statusOfDomainError } from '#kit/rpc/status.ts';
import { serviceContracts } from '#services/contracts.ts';
import { isPublic } from '#services/platform/gateway/forward.ts';
import { type MtlsFiles, mtlsTransport } from './mtls.ts';

export interface EnvoyOptions {
  /** Where Envoy listens. */
  port: number;
  adminPort: number;
  /** "host:port" of a service. */
  addressOf(service: string): string;
  /** Whether the hosts are IP addresses; names are looked up again and again. */
  isStatic: boolean;
  /** Present where the mesh has certificates. */
  mtls?: MtlsFiles | undefined;
  /** Origins that browsers may call from: a regular expression (RE2). */
  corsOriginRegex: string;
}

/** Waits of Envoy itself; what a method may take is in its own deadline. */
const connectTimeout = '1s';
const jwksTimeout = '2s';
/** Half of the time for which a key is published before it signs. */
const jwksCache = '30s';
/** Added to a method's deadline: the service ends a call first, and says why. */
const routeGraceMs = 500;
const maxAgeSeconds = '7200';

const gateway = 'platform.gateway';
const jwtProvider = 'meshwork';
const tokenIfAny = 'a token that we signed, or none';
/** The largest that Envoy takes, 136 years: whether a token's time is over, the service alone says. */
const clockSkewSeconds = 2 ** 32 - 1;
const filterType = (name: string) => `type.googleapis.com/envoy.extensions.filters.http.${name}`;

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
      clusters: services.map((service) => cluster(service, options)),
    },
  };
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
      { name: 'envoy.filters.http.jwt_authn', typed_config: jwtAuthentication(methods) },
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
        max_age: maxAgeSeconds,
      },
    },
    routes: [
      ...methods.map(routeOf),
      // The keys by which anybody can check our tokens.
      { match: { path: '/.well-known/jwks.json' }, route: { cluster: `${gateway}.http` } },
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

/** Envoy's own refusals of gRPC calls, as the kit would answer; the first that fits counts. */
function localReplies(): object[] {
  const denied = 'jwt_authn_access_denied';
  const noKeys = { code: codes.unavailable, message: 'the keys are unavailable' };
  const noMethod = { code: codes.unimplemented, message: 'no method %REQ(:PATH)% here' };
  return [
    // Without the keys nobody can say that a token is bad.
    localReply(` == '${denied}{Jwks_remote_fetch_is_failed}'`, noKeys),
    localReply(`.startsWith('${denied}')`, kitReply(new CredentialsInvalid())),
    localReply(` == 'direct_response'`, kitReply(new CallerNotAllowed())),
    localReply(` == 'route_not_found'`, noMethod),
  ];
}

/** `details` is an expression on Envoy's own word for what happened. */
function localReply(details: string, { code, message, statusBase64 }: LocalReply): object {
  const headers = {
    'grpc-status': String(code),
    'grpc-message': message,
    ...(statusBase64 ? { 'grpc-status-details-bin': statusBase64 } : {}),
  };
  return {
    filter: celFilter(
      `response.code_details${details} && request.headers['content-type'].startsWith('application/grpc')`,
    ),
    // Envoy takes gRPC-Web for plain HTTP here; a browser reads what is in the headers only from a 200 of gRPC's type.
    status_code: 200,
    headers_to_add: Object.entries(headers).map(([key, value]) => ({
      header: { key, value },
      append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
    })),
    body_format_override: {
      text_format_source: { inline_string: '' },
      content_type: 'application/grpc',
    },
  };
}

interface LocalReply {
  code: number;
  message: string;
  /** A serialised google.rpc.Status. */
  statusBase64?: string;
}

/** What a service of the mesh would answer, byte for byte. */
function kitReply(error: DomainError): LocalReply {
  // The domain of what the kit refuses is the mesh's own, whatever the service.
  const { code, message, details } = replyOfStatus(statusOfDomainError(error, ''));
  return { code, message, statusBase64: Buffer.from(details!).toString('base64') };
}

function celFilter(expression: string): object {
  return {
    extension_filter: {
      name: 'envoy.access_loggers.extension_filters.cel',
      typed_config: {
        '@type':
          'type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter',
        expression,
      },
    },
  };
}

/**
 * Refuses tokens that nobody here signed, so that a flood of forged ones ends at Envoy and costs the services nothing.
 * All else is theirs to judge, for they hold the whole policy and verify each token themselves: one that is missing where
 * it is needed, expired or revoked. A bad token is refused on every method, as by the kit.
 */
function jwtAuthentication(methods: readonly Method[]): object {
  return {
    '@type': filterType('jwt_authn.v3.JwtAuthentication'),
    providers: {
      [jwtProvider]: {
        issuer: accessTokenRules.issuer,
        audiences: [accessTokenRules.audience],
        forward: true,
        clock_skew_seconds: clockSkewSeconds,
        // Not from the query as well, where the services do not look.
        from_headers: [{ name: 'authorization', value_prefix: 'Bearer ' }],
        remote_jwks: {
          http_uri: {
            uri: 'http://gateway/.well-known/jwks.json',
            cluster: `${gateway}.http`,
            timeout: jwksTimeout,
          },
          cache_duration: jwksCache,
          // Old keys go on being used while new ones cannot be had.
          async_fetch: {},
        },
      },
    },
    requirement_map: {
      [tokenIfAny]: {
        requires_any: { requirements: [{ provider_name: jwtProvider }, { allow_missing: {} }] },
      },
    },
    rules: methods.map(({ path }) => ({ match: { path }, requirement_name: tokenIfAny })),
    bypass_cors_preflight: true,
    // Without www-authenticate, which the kit does not send either.
    strip_failure_response: true,
  };
}

function cluster(service: string, options: EnvoyOptions): object {
  const [host = '', port = ''] = options.addressOf(service).split(':');
  // The gateway is asked for the keys only, over HTTP/1.1 at its public port; all others speak gRPC.
  const isHttp = service === gateway;
  return {
    name: isHttp ? `${gateway}.http` : service,
    connect_timeout: connectTimeout,
    type: options.isStatic ? 'STATIC' : 'STRICT_DNS',
    lb_policy: 'LEAST_REQUEST',
    ...(isHttp ? {} : http2Options()),
    ...(isHttp || !options.mtls ? {} : { transport_socket: mtlsTransport(service, options.mtls) }),
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
