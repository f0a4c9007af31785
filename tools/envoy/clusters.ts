/** Where calls go: a cluster for each service, which is whoever answers at its address. */
import { type MtlsFiles, mtlsTransport } from './mtls.ts';

/** How the services are reached. */
export interface Upstreams {
  /** "host:port" of a service. */
  addressOf(service: string): string;
  /** Whether the hosts are IP addresses; names are looked up again and again. */
  isStatic: boolean;
  /** Present where the mesh has certificates. */
  mtls?: MtlsFiles | undefined;
}

/** The service that is asked for the keys only, over HTTP/1.1 at its public port; all others speak gRPC. */
export const gateway = 'platform.gateway';
/** Where the keys are by which tokens are checked. */
export const keysCluster = `${gateway}.http`;

const connectTimeout = '1s';

export function clusterOf(service: string, upstreams: Upstreams): object {
  const [host = '', port = ''] = upstreams.addressOf(service).split(':');
  const isHttp = service === gateway;
  return {
    name: isHttp ? keysCluster : service,
    connect_timeout: connectTimeout,
    type: upstreams.isStatic ? 'STATIC' : 'STRICT_DNS',
    lb_policy: 'LEAST_REQUEST',
    ...(isHttp ? {} : http2Options()),
    ...(isHttp || !upstreams.mtls
      ? {}
      : { transport_socket: mtlsTransport(service, upstreams.mtls) }),
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

export function socketAddress(address: string, port: number): object {
  return { socket_address: { address, port_value: port } };
}
